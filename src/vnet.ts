#!/usr/bin/env node
/** The program, `node dist/vnet.js`: main(argv, io) with the real process around it. */
import { unsupported } from './cli/unsupported.ts'

// Without a listener this signal opens Node's debugger, to everybody who reaches its port. `node
// --inspect` still does.
process.on('SIGUSR1', () => {})

try {
  const why = unsupported(process.platform, process.versions.node)
  if (why === undefined) {
    const { main } = await import('./cli/main.ts')
    const { processIo } = await import('./cli/process-io.ts')
    const io = processIo(process)
    process.exitCode = await main(process.argv.slice(2), io)
    // A timer or a server that a driver left behind must not keep the program.
    await io.end()
  } else {
    process.stderr.write(`${why}\n`)
    process.exitCode = 1
  }
} catch (error) {
  // Node opens all modules at once: a low limit on descriptors (ulimit -n) is met here, before main can tell.
  process.stderr.write(`vnet: it does not load: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
for (const stream of [process.stdout, process.stderr]) await new Promise<void>(done => stream.write('', () => done()))
process.exit()
