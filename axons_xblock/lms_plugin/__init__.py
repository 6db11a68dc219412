"""What the LMS and Studio load as a plugin beside the XBlock. Their processes have Django's apps; nothing else here
imports them.
"""
