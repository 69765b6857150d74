/** Runs of a client: its output, its files, its end, and the programs that it has started. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { type ClientPlace, runClient } from '../../src/hunt/client-run.ts'
import { WarmProgram } from '../../src/hunt/warm.ts'
import { isAlive } from '../../src/kernel/processes.ts'
import { contentOf } from '../support/client-runs.ts'

const parent = freshDirectory()
const place = (given: Partial<ClientPlace> = {}): ClientPlace => ({
  spawn: (command, args, options) => spawn(command, args, options),
  parent,
  within: 10_000,
  signal: new AbortController().signal,
  ...given,
})

test('a run has what it has printed, and the files in its directory, which is its home', async () => {
  const command =
    'pwd >&2; echo $HOME >&2; printf out; printf a >f; mkdir d; printf b >d/g; echo >.h'
  const run = await runClient(command, place())
  expect(run).toMatchObject({ status: 0, signal: undefined, hung: false, out: contentOf('out') })
  expect([...run.files]).toEqual([
    ['d/g', contentOf('b')],
    ['f', contentOf('a')],
  ])
  const [cwd, home] = run.err.split('\n')
  expect([cwd, home?.startsWith(`${parent}/client-`)]).toEqual([home, true])
  expect(readdirSync(parent)).toEqual([])
})

test('a run may have more time than a timer of Node takes', async () => {
  const run = await runClient('sleep 0.1', place({ within: 3_600_000_000 }))
  expect(run).toMatchObject({ status: 0, hung: false })
})

test('a file with a name that is not UTF-8 is left out', async () => {
  const run = await runClient(`printf a > "$(printf 'caf\\351')"; printf b > g`, place())
  expect([...run.files]).toEqual([['g', contentOf('b')]])
  expect(readdirSync(parent)).toEqual([])
})

test('a script of this directory is found by $VNET_CWD', async () => {
  const run = await runClient('test -f "$VNET_CWD/package.json"', place())
  expect(run.status).toBe(0)
})

test('a run has a status or a signal', async () => {
  expect(await runClient('exit 7', place())).toMatchObject({ status: 7, signal: undefined })
  const killed = await runClient('kill -SEGV $$', place())
  expect(killed).toMatchObject({ status: null, signal: 'SIGSEGV', hung: false })
})

test('a run that does not end is killed with its programs, after `end`', async () => {
  let isStopped = false
  const end = () => {
    isStopped = true
  }
  const run = await runClient('sleep 100 & echo $$ $!; sleep 100', place({ within: 200, end }))
  expect(run).toMatchObject({ status: null, signal: undefined, hung: true })
  expect(isStopped).toBe(true)
  const pids = Buffer.from(run.out.start).toString().trim().split(' ')
  expect(pids.map(pid => isAlive(Number(pid)))).toEqual([false, false])
})

const LONG_MS = 1_000_000

test('a run has its time after its fault, and another one to reach that', async () => {
  const hanging = (given: Partial<ClientPlace>) => runClient('exec sleep 1000', place(given))
  const faultHappens = Promise.resolve()
  const reached = await hanging({ within: 1, reachesWithin: LONG_MS, faultHappens })
  expect(reached).toMatchObject({ hung: true })
  const removed = Promise.reject(new Error('removed'))
  const missed = await hanging({ within: LONG_MS, reachesWithin: 1, faultHappens: removed })
  expect(missed).toMatchObject({ hung: true })
  const run = await runClient('exit 7', place({ reachesWithin: 0, faultHappens }))
  expect(run).toMatchObject({ status: 7, hung: false })
})

test('a run that has left a program is read to its end without it', async () => {
  const run = await runClient('sleep 100 & printf done', place())
  expect(run).toMatchObject({ status: 0, out: contentOf('done') })
})

test('a signal ends a run, which rejects with its reason', async () => {
  const stop = new AbortController()
  const running = runClient('sleep 100', place({ signal: stop.signal }))
  stop.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
  expect(readdirSync(parent)).toEqual([])
})

/** Prints the same line for each request. */
const warm = (answer: string) =>
  `sh -c 'echo ready; while read -r line; do echo "$line" >&2; echo ${answer}; done'`
const ANSWER = JSON.stringify({ status: -11, out: 'b3V0', err: 'ZXJyCg==', hung: false })

test('a warm program gets a line, and prints a run', async () => {
  const program = await WarmProgram.start(warm(`"${ANSWER.replaceAll('"', '\\"')}"`), place())
  const run = await program.run(['get.py', 'x y'], place())
  program.close()
  expect(run).toMatchObject({
    status: null,
    signal: 'SIGSEGV',
    hung: false,
    out: contentOf('out'),
    err: 'err\n',
  })
})

test('a warm program that does not say that it is ready is refused, and ended', async () => {
  const late = new AbortController()
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(late.signal)
  onTestFinished(() => timeout.mockRestore())
  let closed: Promise<unknown> | undefined
  const starting = WarmProgram.start('cat', {
    ...place(),
    spawn: (...args) => {
      const child = spawn(...args)
      closed = once(child, 'close')
      child.once('spawn', () => late.abort())
      return child
    },
  })
  await expect(starting).rejects.toThrow('--warm: it has printed no line within 60 s')
  await closed
})

test('a warm program that ends or prints something else is refused in a line', async () => {
  await expect(
    WarmProgram.start('sh -c "echo no such module >&2; exit 1"', place()),
  ).rejects.toThrow('--warm: the program has ended: no such module')
  const program = await WarmProgram.start(warm('hello'), place())
  await expect(program.run(['get.py'], place())).rejects.toThrow(
    '--warm: not an answer {"status", "out", "err", "hung"}: hello',
  )
  program.close()
})
