"""The sandbox: an OAuth 2.0 provider of ours, with which connecting a platform is tried offline, over real HTTP.

It is a process of its own on loopback (`python -m core.local.sandbox --folder F --port P`), and no other part of the
program imports its server. `main.py run` starts it beside the embedded database. It stores codes and tokens by their
hashes, in one file, and commits before it answers.

Authlib's `AuthorizationServer` without a framework carries the parameters, client authentication, the errors and
their redirects, PKCE's arithmetic, and the order of checks of grants, revocation and introspection. Ours are:

- PKCE is required, with S256: Authlib requires it of public clients alone, and takes `plain`.
- A code or refresh token that is used twice ends its grant (RFC 6749 4.1.2, RFC 9700 4.14.2): Authlib only refuses it.
- Rotation in one transaction: Authlib saves the new tokens and spends the old one in two calls, which we enclose.
- The old access token ends at a refresh, and a revoked token ends its whole grant (RFC 7009 leaves this to the server).
- `scope` is in every answer, and an error description with characters that OAuth forbids is an answer, not a failure:
  Authlib raises ValueError where a client's own text comes back in it.
"""
