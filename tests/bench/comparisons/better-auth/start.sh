# The hashes run in this thread pool. Node reads its size before it loads modules.
export NODE_ENV=production UV_THREADPOOL_SIZE=2
exec node server.mjs
