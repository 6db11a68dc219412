"""The demo LMS: the XBlock SDK workbench, plus what the platform has and the workbench lacks."""
