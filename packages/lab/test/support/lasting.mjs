// A worker thread that runs until it is ended.
setInterval(() => {}, 1000)
