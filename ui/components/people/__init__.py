"""Components about people: sessions, tokens, second factors, access, the audit log's lines."""
