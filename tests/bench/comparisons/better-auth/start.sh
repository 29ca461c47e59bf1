# The hashes run on this many threads. Node reads it before it runs any module.
export NODE_ENV=production UV_THREADPOOL_SIZE=2
exec node server.mjs
