"""The issuer of ChatGPT logins, and what the Codex backend asks of a request that is signed with one."""
