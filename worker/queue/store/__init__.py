"""The store in Redis or Valkey: keys, Lua scripts, jobs and the ledger.

The only folder that knows keys. It may import records, configuration and errors.
"""
