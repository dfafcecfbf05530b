"""The store in Redis or Valkey: keys, Lua scripts, jobs and the ledger.

Only this folder uses Redis keys. It may import only records, configuration and errors.
"""
