"""A short article on runs, in Markdown and as PDF: its sentences and numbers are the report's own.

article    what it says, as blocks               method      the law with its proof, how things were counted
markdown   the blocks as a page and pictures     again       commands, versions, hashes
pdf/       the blocks as pages of A4
"""
