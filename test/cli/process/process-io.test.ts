/** The Io of a process, on a stand-in for the process. */
import { EventEmitter } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { End } from '#src/cli/process/io.ts'
import { processIo } from '#src/cli/process/process-io.ts'

class FakeStream extends EventEmitter {
  text = ''
  isTTY = false
  write(text: string, done?: (error?: Error) => void): void {
    this.text += text
    done?.()
  }
}

class FakeProcess extends EventEmitter {
  readonly stdout = new FakeStream()
  readonly stderr = new FakeStream()
  readonly exits: number[] = []
  exitCode: number | undefined
  env: NodeJS.ProcessEnv = {}
  readonly pid = 4711
  exit(code: number): void {
    this.exits.push(code)
  }
}

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate'] }))
afterEach(() => vi.useRealTimers())

/** In ms: signals within this time count as one. A person takes longer to press Ctrl-C again. */
const SAME_CAUSE_MS = 100
/** Waits until a signal counts again, which an immediate ends. */
const pause = () => vi.advanceTimersByTime(SAME_CAUSE_MS + 1)

function listening() {
  const process = new FakeProcess()
  const io = processIo(process)
  const ends: End[] = []
  const stop = io.onEnd(end => ends.push(end))
  return { process, io, ends, stop }
}

test('output goes to the streams unchanged', () => {
  const { process, io } = listening()
  io.out('one\n')
  io.err('two\n')
  expect([process.stdout.text, process.stderr.text]).toEqual(['one\n', 'two\n'])
})

test("the output of a user's command goes to the streams byte for byte", () => {
  const { process, io } = listening()
  const written: [string, Uint8Array][] = []
  for (const name of ['stdout', 'stderr'] as const) {
    Object.assign(process[name], { write: (bytes: Uint8Array) => written.push([name, bytes]) })
  }
  const bytes = Uint8Array.of(0x1b, 0x09, 0xff, 0x00)
  io.pass?.('out', bytes)
  io.pass?.('err', bytes)
  expect(written).toEqual([
    ['stdout', bytes],
    ['stderr', bytes],
  ])
})

test('a colour is shown line by line on a terminal, unless NO_COLOR or TERM=dumb says that it is not', () => {
  const written = (isTTY: boolean, env: NodeJS.ProcessEnv) => {
    const process = new FakeProcess()
    Object.assign(process.stdout, { isTTY })
    processIo(Object.assign(process, { env })).out('one\ntwo\n', 'red')
    return process.stdout.text
  }
  const red = '\x1b[31mone\x1b[39m\n\x1b[31mtwo\x1b[39m\n'
  expect(written(true, { TERM: 'xterm', NO_COLOR: '' })).toBe(red)
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    expect(written(true, env)).toBe('one\ntwo\n')
  }
  expect(written(false, {})).toBe('one\ntwo\n')
})

test('the loss of the reader notifies the listeners and does not end the process', () => {
  const { process, io, ends } = listening()
  let told = 0
  const stop = io.onClosed?.(() => told++)
  process.stderr.emit('error', new Error('EPIPE'))
  process.stdout.emit('error', new Error('EPIPE'))
  stop?.()
  process.stdout.emit('error', new Error('EPIPE'))
  expect([told, ends, process.exits]).toEqual([1, [], []])
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])(
  '%s notifies the listeners and does not end the process',
  signal => {
    const { process, ends } = listening()
    process.emit(signal)
    expect([ends, process.exits]).toEqual([[{ signal }], []])
  },
)

describe('output that a full disk does not take', () => {
  const LOST = 'vnet: standard output: no space left on device\n'
  let full: number
  beforeEach(() => {
    full = openSync('/dev/full', 'w')
  })
  afterEach(() => closeSync(full))

  test.each([false, true])(
    'is one line, ends commands that only print, and makes the status 1 (late: %s)',
    async isLate => {
      const { process, io, ends } = listening()
      Object.assign(process.stdout, { fd: full })
      let told = 0
      io.onClosed?.(() => told++)
      if (isLate) {
        io.writeLater?.()
      }
      io.out('one\n')
      io.out('two\n')
      await io.end()
      expect([process.stderr.text, told, ends, process.exits]).toEqual([LOST, 1, [], [1]])
    },
  )

  test('makes the status 1 without a line on standard error too, and keeps another status', async () => {
    for (const [exitCode, status] of [
      [undefined, 1],
      [2, 2],
    ] as const) {
      const { process, io } = listening()
      Object.assign(process, { exitCode })
      Object.assign(process.stderr, { fd: full })
      io.err('one\n')
      await io.end()
      expect([process.stdout.text, process.exits]).toEqual(['', [status]])
    }
  })

  test('a reader that has closed its pipe leaves the status at 0', async () => {
    const { process, io } = listening()
    process.stdout.write = (_: string, done?: (error?: Error) => void) =>
      done?.(Object.assign(new Error(), { code: 'EPIPE' }))
    io.out('one\n')
    await io.end()
    expect([process.stderr.text, process.exits]).toEqual(['', [0]])
  })
})

test('each SIGHUP reloads, and does not end the process, if something listens for it', () => {
  const { process, io, ends } = listening()
  let told = 0
  const stop = io.onReload?.(() => told++)
  process.emit('SIGHUP')
  process.emit('SIGHUP')
  expect([told, ends, process.exits]).toEqual([2, [], []])
  process.emit('SIGTERM')
  expect(ends).toEqual([{ signal: 'SIGTERM' }])
  stop?.()
  pause()
  process.emit('SIGHUP')
  expect([told, process.exits]).toEqual([2, [129]])
})

test('SIGHUP without anything to reload is ignored if systemd started this process, but not its child', () => {
  const hangUp = (SYSTEMD_EXEC_PID: string) => {
    const process = new FakeProcess()
    process.env = { SYSTEMD_EXEC_PID }
    const ends: End[] = []
    processIo(process).onEnd(end => ends.push(end))
    process.emit('SIGHUP')
    process.emit('SIGTERM')
    return [process.stderr.text, ends]
  }
  const line = 'vnet: SIGHUP ignored: there is nothing to read again\n'
  expect(hangUp('4711')).toEqual([line, [{ signal: 'SIGTERM' }]])
  expect(hangUp('4710')).toEqual(['', [{ signal: 'SIGHUP' }]])
})

test('an uncaught exception notifies the listeners', () => {
  const { process, ends } = listening()
  const defect = new Error('boom')
  process.emit('uncaughtException', defect)
  expect([ends, process.exits]).toEqual([[{ defect }], []])
})

test('a rejected promise of a driver notifies its listeners, and ends nothing', () => {
  const { process, io, ends } = listening()
  const reasons: unknown[] = []
  const stop = io.onDriverError?.((what, reason) => reasons.push([what, reason]))
  const late = new Error('late')
  process.emit('unhandledRejection', late)
  process.emit('unhandledRejection', 'no error')
  expect([reasons, ends, process.exits]).toEqual([
    [
      ['rejected promise', late],
      ['rejected promise', 'no error'],
    ],
    [],
    [],
  ])
  stop?.()
  process.emit('unhandledRejection', late)
  expect([reasons.length, ends]).toEqual([2, [{ defect: late }]])
})

test('a rejected promise of vnet is an uncaught exception, also with a listener', () => {
  const { process, io, ends } = listening()
  io.onDriverError?.(() => expect.unreachable())
  const defect = new Error('boom')
  defect.stack = `Error: boom\n    at late (${new URL('../../../src/netdev/net.ts', import.meta.url).href}:1:1)`
  process.emit('unhandledRejection', defect)
  expect(ends).toEqual([{ defect }])
})

const VNET = `    at Net.poll (${new URL('../../../src/netdev/net.ts', import.meta.url).href}:1:1)`
const DRIVER = '    at Socket.receive (file:///home/you/tunnel.js:10:17)'
const PACKAGE = '    at emit (/home/you/node_modules/ws/index.js:5:1)'
const NODE = '    at Socket.emit (node:events:519:28)'

test.each([
  ["of a driver's callback", 'is logged', [DRIVER, NODE]],
  ["of vnet's function that a driver's callback calls", 'is logged', [VNET, DRIVER, NODE]],
  ["of a driver's callback that a package calls", 'is logged', [DRIVER, PACKAGE, NODE]],
  ['of a driver that vnet calls', 'ends the program', [DRIVER, VNET, NODE]],
  ["of vnet's own callback", 'ends the program', [VNET, NODE]],
  ['of a package alone', 'ends the program', [PACKAGE, NODE]],
  [
    'of code of --import=data:',
    'ends the program',
    ['    at process.<anonymous> (data:text/javascript,a:1:9)', NODE],
  ],
  ['of Node alone', 'ends the program', [NODE]],
  [
    'whose stack is cut off',
    'ends the program',
    Array.from({ length: Error.stackTraceLimit }, () => DRIVER),
  ],
  ['without a stack', 'ends the program', undefined],
] as const)('an exception %s %s', (_, what, lines) => {
  const { process, io, ends } = listening()
  const errors: unknown[] = []
  io.onDriverError?.((what, error) => errors.push([what, error]))
  const defect = Object.assign(new Error('boom'), {
    stack: lines && ['Error: boom', ...lines].join('\n'),
  })
  process.emit('uncaughtException', defect)
  expect([errors, ends]).toEqual(
    what === 'is logged' ? [[['uncaught exception', defect]], []] : [[], [{ defect }]],
  )
})

test('a second signal exits immediately with the status that a shell reports', () => {
  const { process, ends } = listening()
  process.emit('SIGINT')
  pause()
  process.emit('SIGINT')
  expect([ends.length, process.exits]).toEqual([1, [130]])
})

test('signals of one cause, repeated by a parent or a process group, count as one', () => {
  const { process, ends, stop } = listening()
  process.emit('SIGINT')
  process.emit('SIGTERM')
  vi.advanceTimersByTime(SAME_CAUSE_MS - 1)
  process.emit('SIGINT')
  stop()
  process.emit('SIGINT')
  expect([ends, process.exits]).toEqual([[{ signal: 'SIGINT' }], []])
})

test('signals during a long call count as one with the first', () => {
  const { process } = listening()
  process.emit('SIGINT')
  setTimeout(() => process.emit('SIGTERM'), SAME_CAUSE_MS)
  vi.advanceTimersByTime(SAME_CAUSE_MS)
  expect(process.exits).toEqual([])
})

test('a signal after an uncaught exception exits immediately', () => {
  const { process, ends } = listening()
  process.emit('uncaughtException', new Error('boom'))
  process.emit('SIGTERM')
  expect([ends.length, process.exits]).toEqual([1, [143]])
})

test('a second signal after the end does not change the exit status', () => {
  const { process } = listening()
  process.emit('SIGINT')
  pause()
  process.exitCode = 0
  process.emit('SIGINT')
  expect(process.exits).toEqual([0])
})

test('an uncaught exception during the end is reported in one line with exit status 1', () => {
  const { process } = listening()
  process.emit('SIGINT')
  process.emit('uncaughtException', new Error('boom'))
  expect(process.exits).toEqual([1])
  expect(process.stderr.text).toMatch(/^vnet: Error: boom \(at .*\)\n$/)
})

test('a second exception neither cuts the end short nor hides the first', () => {
  const { process, ends, stop } = listening()
  const [first, second] = [new Error('first'), new Error('second')]
  process.emit('uncaughtException', first)
  process.emit('uncaughtException', second)
  expect([ends, process.exits, process.stderr.text]).toEqual([[{ defect: first }], [], ''])
  stop()
  process.emit('uncaughtException', second)
  expect(process.exits).toEqual([1])
})

test('a signal without a run exits immediately', () => {
  const process = new FakeProcess()
  processIo(process)
  process.emit('SIGTERM')
  expect(process.exits).toEqual([143])
})

test('a signal does not change the exit status of a run that ends by itself, a second one ends it', () => {
  const { process, stop, ends } = listening()
  stop()
  process.emit('SIGTERM')
  expect([ends, process.exits]).toEqual([[], []])
  pause()
  process.emit('SIGTERM')
  expect(process.exits).toEqual([143])
})

test('the loss of the reader is not a defect', () => {
  const { process, ends } = listening()
  process.stdout.emit('error', new Error('EPIPE'))
  process.stderr.emit('error', new Error('EPIPE'))
  expect([ends, process.exits]).toEqual([[], []])
})

test('a command that stands in for another program receives every signal, and none ends the process', () => {
  const { process, io, ends } = listening()
  const told: string[] = []
  const stop = io.onSignal!(signal => told.push(signal))
  for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM', 'SIGUSR1', 'SIGQUIT']) {
    process.emit(signal)
  }
  expect([told, ends, process.exits]).toEqual([
    ['SIGINT', 'SIGINT', 'SIGTERM', 'SIGUSR1', 'SIGQUIT'],
    [],
    [],
  ])
  stop()
  process.emit('SIGTERM')
  expect([told.length, ends]).toEqual([5, [{ signal: 'SIGTERM' }]])
  expect(process.listenerCount('SIGUSR1')).toBe(0)
})

test('on a terminal the progress is one line, which the next replaces and undefined removes', () => {
  const shown = (columns: number) => {
    const process = new FakeProcess()
    Object.assign(process.stderr, { isTTY: true, columns })
    const io = processIo(process)
    for (const line of ['0123456789', 'abc', undefined]) {
      io.progress?.(line)
    }
    return process.stderr.text
  }
  expect(shown(8)).toBe('\r0123456\x1b[K\rabc\x1b[K\r\x1b[K')
  expect(shown(0)).toContain('0123456789')
  expect(processIo(new FakeProcess()).progress).toBeUndefined()
})
