/** The screen of `vnet top` on a stand-in for the process and its terminal. */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { isTerminal, openScreen } from '../../src/cli/top/screen.ts'
import type { Key } from '../../src/cli/top/view.ts'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

class FakeInput extends PassThrough {
  isTTY = true
  isRaw = false
  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw
  }
}

class FakeOutput extends EventEmitter {
  isTTY = true
  columns: number | undefined = 100
  rows: number | undefined = 30
  text = ''
  write(text: string): void {
    this.text += text
  }
  /** Returns what was written since the last call. */
  take(): string {
    const { text } = this
    this.text = ''
    return text
  }
}

class FakeProcess extends EventEmitter {
  readonly stdin = new FakeInput()
  readonly stdout = new FakeOutput()
  readonly pid = 7
  env: NodeJS.ProcessEnv = { TERM: 'xterm' }
  readonly kills: unknown[] = []
  kill(...args: unknown[]): void {
    this.kills.push(args)
  }
}

function open() {
  const process = new FakeProcess()
  const keys: Key[] = []
  let changes = 0
  const screen = openScreen(
    process,
    key => keys.push(key),
    () => changes++,
  )
  return { process, keys, screen, changes: () => changes, stdin: process.stdin, stdout: process.stdout }
}

/** Types text and waits until it was read. */
async function type(stdin: FakeInput, text: string): Promise<void> {
  const read = new Promise<void>(resolve => {
    stdin.once('data', () => resolve())
  })
  stdin.write(text)
  await read
}

test('the screen is entered once, shows lines from its top, and is left as it was found', () => {
  const { screen, stdin, stdout } = open()
  expect([stdout.take(), stdin.isRaw]).toEqual([ENTER, true])
  screen.show(['one', 'two'])
  expect(stdout.take()).toBe('\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J')
  screen[Symbol.dispose]()
  screen[Symbol.dispose]()
  expect([stdout.take(), stdin.isRaw]).toEqual([LEAVE, false])
})

test('an exit of the process leaves the screen, once, and nothing is shown afterwards', () => {
  const { screen, process, stdout } = open()
  stdout.take()
  process.emit('exit')
  expect(stdout.take()).toBe(LEAVE)
  screen.show(['late'])
  screen[Symbol.dispose]()
  expect(stdout.take()).toBe('')
})

test('a disposed screen listens to nothing', () => {
  const { screen, process, stdout, changes } = open()
  screen[Symbol.dispose]()
  for (const event of ['exit', 'SIGTSTP', 'SIGCONT']) expect(process.listenerCount(event)).toBe(0)
  stdout.emit('resize')
  expect(changes()).toBe(0)
})

test('keys arrive one by one: characters, arrows, Ctrl-C', async () => {
  const { keys, stdin } = open()
  await type(stdin, 'q/\x1b[A\x1b[6~\x03')
  expect(keys.map(({ name, text, ctrl }) => [name, text, ctrl])).toEqual([
    ['q', 'q', false],
    [undefined, '/', false],
    ['up', undefined, false],
    ['pagedown', undefined, false],
    ['c', '\x03', true],
  ])
})

test('Ctrl-Z restores the terminal and stops the process, which redraws everything when it continues', async () => {
  const { process, keys, stdin, stdout, changes } = open()
  stdout.take()
  await type(stdin, '\x1a')
  expect([stdout.take(), stdin.isRaw, process.kills, keys]).toEqual([LEAVE, false, [[7, 'SIGSTOP']], []])
  process.emit('SIGCONT')
  expect([stdout.take(), stdin.isRaw, changes()]).toEqual([ENTER, true, 1])
})

test('a new size of the terminal is shown, and an unknown one is 80 by 24', () => {
  const { screen, stdout, changes } = open()
  Object.assign(stdout, { columns: 40, rows: 10 })
  stdout.emit('resize')
  expect([changes(), screen.size]).toEqual([1, { columns: 40, rows: 10 }])
  Object.assign(stdout, { columns: undefined, rows: 0 })
  expect(screen.size).toEqual({ columns: 80, rows: 24 })
})

test('a terminal that is closed or fails ends the command like Ctrl-C', () => {
  for (const event of ['end', 'error']) {
    const { keys, stdin } = open()
    stdin.emit(event, new Error('EIO'))
    expect(keys).toEqual([{ name: 'c', ctrl: true }])
  }
})

test('a pipe on either side, or TERM=dumb, is not a terminal to fill', () => {
  const without = (change: (process: FakeProcess) => void) => {
    const process = new FakeProcess()
    change(process)
    return isTerminal(process)
  }
  expect(without(() => {})).toBe(true)
  expect(without(({ stdin }) => Object.assign(stdin, { isTTY: undefined }))).toBe(false)
  expect(without(({ stdout }) => Object.assign(stdout, { isTTY: undefined }))).toBe(false)
  expect(without(({ env }) => Object.assign(env, { TERM: 'dumb' }))).toBe(false)
})
