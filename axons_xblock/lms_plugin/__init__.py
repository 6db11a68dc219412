"""What the LMS loads as a plugin beside the XBlock. Its process has Django's apps; nothing else here imports them."""
