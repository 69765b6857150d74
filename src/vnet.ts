#!/usr/bin/env node
/** The program, `node dist/vnet.js`: main(argv, io) with the real process around it. */
import { unsupported } from './cli/unsupported.ts'

const why = unsupported(process.platform, process.versions.node)
if (why === undefined) {
  const { main } = await import('./cli/main.ts')
  const { processIo } = await import('./cli/process-io.ts')
  process.exitCode = await main(process.argv.slice(2), processIo(process))
} else {
  process.stderr.write(`${why}\n`)
  process.exitCode = 1
}
