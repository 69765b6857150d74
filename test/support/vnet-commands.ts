/**
 * Runs commands of vnet in one process, which the test files of this process share: a start of vnet
 * costs far more CPU time than most commands.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { privateCandidates } from '#src/control/sockets/run-directory.ts'
import type { Netns, Outcome } from './netns.ts'

const SERVER = fileURLToPath(new URL('vnet-commands.mjs', import.meta.url))

/** Makes the directories of labs empty for a program, in a mount namespace of its own. */
const HIDES_LABS =
  'until [ "$1" = -- ]; do mkdir -pm 700 "$1" && mount -t tmpfs -o mode=700 vnet "$1" || exit; shift; done; shift; exec "$@"'

/**
 * Returns `command` as a command that finds no labs. Otherwise commands find the labs of all tests,
 * from every network namespace.
 */
export function withoutLabs(command: readonly string[]): string[] {
  const mounting = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', HIDES_LABS, 'sh']
  return [...mounting, ...privateCandidates(), '--', ...command]
}

interface Waiting {
  resolve(outcome: Outcome): void
  reject(error: Error): void
}

let server: CommandServer | undefined

/** Runs `vnet ARGS` in `netns`, after the commands before it, and to its end. It finds no labs. */
export function runCommand(netns: Netns, args: readonly string[]): Promise<Outcome> {
  if (server === undefined || server.hasEnded) {
    server = new CommandServer()
  }
  return server.run(netns, args)
}

class CommandServer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #waiting: Waiting[] = []
  hasEnded = false

  constructor() {
    const [program, ...args] = withoutLabs([process.execPath, SERVER]) as [string, ...string[]]
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface(this.#child.stdout).on('line', line =>
      this.#waiting.shift()?.resolve(JSON.parse(line)),
    )
    const end = () => {
      this.hasEnded = true
      for (const { reject } of this.#waiting.splice(0)) {
        reject(new Error('the process of the commands has ended'))
      }
    }
    this.#child.on('error', end).on('close', end)
    // It ends with its standard input, which ends with this process.
    this.#child.unref()
  }

  run({ name }: Netns, args: readonly string[]): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ netns: name, args })}\n`)
    })
  }
}
