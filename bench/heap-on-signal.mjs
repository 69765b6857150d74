/** Loaded by `npm run bench:soak` into each vnet: SIGUSR2 prints the heap after a collection. */
import { writeSync } from 'node:fs'

let n = 0
process.on('SIGUSR2', () => {
  globalThis.gc()
  n += 1
  writeSync(1, `heap ${n}: ${process.memoryUsage().heapUsed}\n`)
})
