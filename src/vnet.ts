#!/usr/bin/env node
/** The program, `node dist/vnet.js`: the process around cli/main.ts. */
import { writeSync } from 'node:fs'
import type { End, Io } from './cli/io.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function processIo(): Io {
  const listeners = new Set<(end: End) => void>()
  let ending = false
  function tell(end: End): void {
    const again = ending
    ending = true
    if (again || listeners.size === 0) {
      // Asked twice, or nothing to take down yet or any more: the kernel removes what is left with the descriptors.
      if ('defect' in end) writeSync(2, `vnet: ${String(end.defect).replace(/\s*\n\s*/g, ' ')}\n`)
      process.exit('defect' in end ? 1 : 130)
    }
    for (const fn of [...listeners]) fn(end)
  }
  for (const signal of SIGNALS) process.on(signal, () => tell({ signal }))
  process.on('uncaughtException', defect => tell({ defect }))
  // A reader that went away (`| head -1`) does not end the interfaces.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    onEnd(fn) {
      listeners.add(fn)
      return () => listeners.delete(fn)
    },
  }
}

function unsupported(): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (process.platform !== 'linux') return `vnet drives Linux interfaces; this is ${process.platform}`
  if (major < 20 || (major === 20 && minor < 19)) return `vnet needs Node 20.19 or newer; this is ${process.version}`
  return undefined
}

const why = unsupported()
if (why === undefined) {
  const { main } = await import('./cli/main.ts')
  process.exitCode = await main(process.argv.slice(2), processIo())
} else {
  process.stderr.write(`${why}\n`)
  process.exitCode = 1
}
