"""What a figure depends on besides the image: processor, versions, commit, time and memory."""
