"""Is this deployment well? Each check looks at one part and names the fix (`axons-service doctor`)."""
