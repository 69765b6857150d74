// The network of each scenario, its server, and its clients, which are programs of their hosts.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The faults of each scenario: they last longer than the timeouts of the clients. */
export const FAULTS = [
  'silence 1s',
  'mute 1s on server',
  'deaf 1s on server',
  'reset',
  'pause 1s on server',
  'pause 1s on client',
  'restart 500ms on server',
  'forget on server',
  'forget on client',
  'clock -1h on client',
]

/** For servers that read the clock by libc, as programs in Go do not. */
export const CLOCKS = ['clock +1h on server', 'clock -1h on server']

/** TCP segments with PSH: the ends of messages. */
export const MESSAGES = 'tcp[13] & 8 != 0 or (ip6[6] == 6 and ip6[53] & 8 != 0)'

/** Returns a new host `server`, and hosts of the other names, each with a cable to it. */
export async function network(lab, ...names) {
  const [server, ...clients] = lab.hosts('server', ...names)
  for (const client of clients) {
    await lab.cable(client, server)
  }
  return [server, ...clients]
}

/**
 * Starts a command of the shell, with a disk, and waits for a line with `ready`. A restart of the
 * host runs it again.
 */
export async function serve(host, command, ready) {
  await host.disk()
  await host.start(async ({ host, signal }) => {
    for await (const line of linesOf(host, 'sh', ['-c', command], signal)) {
      if (line.includes(ready)) {
        return
      }
    }
  })
}

/** Starts a module in Node like `serve`. Returns the path of the host's disk. */
export async function serveModule(host, name, ready) {
  await serve(
    host,
    `exec '${process.execPath}' '${fileURLToPath(new URL(name, import.meta.url))}'`,
    ready,
  )
  return host.disk()
}

/**
 * Runs a module in Node, or again after a restart of the host. Returns its lines. Rejects if it
 * ends with an error.
 */
export async function run(host, name, ...args) {
  const lines = []
  const path = fileURLToPath(new URL(name, import.meta.url))
  await host.start(async ({ host, signal }) => {
    for await (const line of linesOf(host, process.execPath, [path, ...args], signal)) {
      lines.push(line)
    }
  })
  return lines
}

/** The lines that a program prints, also to stderr. Throws if it ends with an error. */
async function* linesOf(host, command, args, signal) {
  const child = host.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise(resolve => child.once('close', resolve))
  const printed = []
  const lines = createInterface({ input: child.stdout, signal })
  createInterface({ input: child.stderr }).on('line', line => lines.emit('line', line))
  for await (const line of lines) {
    printed.push(line)
    yield line
  }
  const status = await ended
  if (status !== 0) {
    throw new Error(`${command} has ended with ${status}: ${printed.slice(-20).join('\n')}`)
  }
}

/** Returns what `attempt` returns, once it does not throw: a host may be off, or starting. */
export async function eventually(attempt) {
  for (;;) {
    try {
      return await attempt()
    } catch {
      await sleep(100)
    }
  }
}
