/** Runs of `vnet run` that are ended at random instants, and a check that nothing remains. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect } from 'vitest'
import { attempt } from '#src/base/errno.ts'
import { type Random, random } from '#src/base/random.ts'
import { ClosedMachine, childrenOf, descendants, KEPT } from './closed-machine.ts'
import { SERVER_ADDRESS, standInInternet } from './internet.ts'

/** Runs after which the machine is compared, and how many of them run at a time. */
const BATCH = 25
const BESIDE = 4
/** Milliseconds of a run of a short command on a busy machine. */
const LENGTH = 1000

const FETCH = `curl -sS -o /dev/null http://${SERVER_ADDRESS}/bytes/300000`

/** The status of curl. */
const CONNECT_FAILED = 7

/** Commands, with the status of those that end by themselves. */
const COMMANDS: readonly {
  readonly words: readonly string[]
  readonly status?: number
  readonly isDeaf?: boolean
}[] = [
  { words: ['true'], status: 0 },
  { words: ['false'], status: 1 },
  { words: ['no-such-program'], status: 127 },
  { words: ['sh', '-c', 'kill -KILL $$'], status: 137 },
  { words: ['sh', '-c', FETCH], status: 0 },
  {
    words: ['sh', '-c', 'setsid sleep 1001 & (setsid sh -c "sleep 1002; true" &); exit 3'],
    status: 3,
  },
  { words: ['sleep', '1003'] },
  { words: ['sh', '-c', `while :; do ${FETCH}; done`] },
  {
    words: ['sh', '-c', 'trap "" TERM INT HUP; setsid sleep 1004 & while :; do sleep 0.05; done'],
    isDeaf: true,
  },
]

/** Options of a run, of which PORT is its own. */
const OPTIONS = [
  [],
  [],
  ['--no-internet'],
  ['--wire', 'delay 5ms loss 2%'],
  ['--publish', 'PORT'],
  ['--repeat', '2'],
  ['--capture', `${KEPT}/PORT`],
]
const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** The process that removes the files of a killed vnet. Nothing does if both are killed. */
const REMOVER = /--remove-after/
/** The parts of a run, by their command lines. */
const VNET = / run --quiet /
const PARTS = [
  VNET,
  /^(sleep|curl|sh -c)/, // the command
  /--config-net/, // pasta
  /--way-out/, // the process that connects TCP
  /--alone/, // the processes around the command
  /./,
]

const pick = <T>(draw: Random, from: readonly T[]): T => from[draw.below(from.length)] as T

/** Makes a closed machine for each test. Returns a function that runs vnet there `runs` times. */
export function randomEnds(): (runs: number, seed: number) => Promise<void> {
  const internet = standInInternet()
  let machine: ClosedMachine
  beforeEach(async () => {
    machine = await ClosedMachine.start(internet)
  })
  afterEach(() => machine[Symbol.dispose]())

  return async (runs, seed) => {
    await once(machine.vnet('run', '--quiet', '--', 'true'), 'close')
    await expect.poll(() => machine.contents().processes).toEqual([])
    const before = machine.contents()
    const draw = random(seed)
    for (let left = runs; left > 0; left -= BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, left) }, (_, i) => ({
        draw: draw.fork(),
        port: 8000 + i,
      }))
      const done: string[] = []
      const work = async () => {
        for (let next = batch.shift(); next !== undefined; next = batch.shift()) {
          done.push(await runOnce(machine, next.draw, next.port))
        }
      }
      await Promise.all(Array.from({ length: BESIDE }, work))
      await expect.poll(() => machine.contents(), { message: done.join('\n') }).toEqual(before)
    }
  }
}

/** Runs a command, and sends signals to parts of the run. Returns a line about it. */
async function runOnce(machine: ClosedMachine, draw: Random, port: number): Promise<string> {
  const options = pick(draw, OPTIONS).map(word => word.replace('PORT', String(port)))
  const { words, status, isDeaf } = pick(draw, COMMANDS)
  const done = [[...options, '--', ...words].join(' ')]
  const child = machine.vnet('run', '--quiet', ...options, '--', ...words)
  child.stdout.resume()
  const complaints = text(child.stderr)
  const ended = once(child, 'close').then(([status]) => status as number | null)
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const send = (signal: NodeJS.Signals, part: RegExp, isOther = (_: string) => true) => {
    const all = childrenOf(child.pid as number).flatMap(descendants)
    const found = all.filter(({ words }) => part.test(words) && isOther(words))
    if (found.length === 0 || !isRunning()) return false
    // A process that vnet is starting has its command line at first.
    const { pid, words } = part === VNET ? (found[0] as (typeof found)[0]) : pick(draw, found)
    done.push(`${signal} to ${words.slice(-50)}`)
    // It may have ended meanwhile.
    attempt(() => process.kill(pid, signal))
    return true
  }
  // The instants are what is random.
  const instant = () => Promise.race([setTimeout(draw.below(LENGTH)), ended])
  const isRemoverKilled = !isDeaf && draw.below(8) === 0
  const signals = isRemoverKilled ? 0 : draw.below(3)
  for (let i = 0; i < signals; i++) {
    const [signal, part] = [pick(draw, SIGNALS), pick(draw, PARTS)]
    await instant()
    send(signal, part, words => !REMOVER.test(words))
  }
  if (isRemoverKilled) {
    await instant()
    send('SIGKILL', REMOVER)
  }
  if (status === undefined || signals > 0) {
    await instant()
    // The first process may not have started the second.
    while (isRunning() && !send(isDeaf ? 'SIGKILL' : 'SIGTERM', VNET)) {
      await Promise.race([setTimeout(1), ended])
    }
  }
  const got = await ended
  done.push(`status ${got}`, (await complaints).trim())
  if (done.length === 3 && status !== undefined) {
    const alone = words.includes(FETCH) && options[0] === '--no-internet' ? CONNECT_FAILED : status
    const expected = options[0] === '--repeat' ? Math.min(alone, 1) : alone
    expect(got, done.join(', ')).toBe(expected)
  }
  return done.join(', ')
}
