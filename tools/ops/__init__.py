"""What tools/backup, tools/restore and tools/health share. See README.md."""
TOOL_VERSION = "0.1.0"
