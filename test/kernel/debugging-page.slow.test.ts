/**
 * docs/debugging.md and docs/debugging-steps.md work: their commands run in a network namespace, in
 * the order of the pages, and print the lines that these show; the launch.json names what exists.
 */
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Child, outcome } from '#support/netns.ts'
import { readPages } from '#support/pages.ts'
import { expectConserved, jsonLines, type Running, spawnVnet } from '#support/vnet-process.ts'

const VNET = `${process.execPath} dist/vnet.js`
const page = readPages('docs/debugging.md', 'docs/debugging-steps.md')
const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, kind = '', text = '']) => ({
  kind,
  text,
}))
const sessions = blocks
  .filter(({ kind }) => kind === '')
  .map(({ text }) => text.trimEnd().split('\n'))

const { netns } = freshQuietNamespaces('netns')
beforeEach(() => {
  netns.ip('link set lo up')
})

test('the sessions of docs/debugging.md and docs/debugging-steps.md print what the pages show', async () => {
  const terminals = new Terminals()
  for (const lines of sessions) {
    await terminals.play(lines)
  }
  await terminals.stop()
  expect(terminals.starts).toBe(2)
})

test('the breakpoint of docs/debugging-steps.md is in the first line of arrived in examples/mirror.js', () => {
  const lines = readFileSync('examples/mirror.js', 'utf8').split('\n')
  const [, line] = /sb\('mirror\.js', (\d+)\)/.exec(page) ?? []
  expect(Number(line)).toBe(lines.findIndex(text => text.startsWith('function arrived(')) + 2)
})

test('the launch.json of docs/debugging-steps.md starts programs with arguments that exist', () => {
  const { configurations } = JSON.parse(blocks.find(({ kind }) => kind === 'json')?.text ?? '') as {
    configurations: Record<string, string & string[]>[]
  }
  expect(configurations.map(({ name }) => name)).toEqual(['attach', 'launch', 'test'])
  expect(configurations[0]).toMatchObject({ request: 'attach', address: '127.0.0.1', port: 9229 })
  for (const { program = '', args = [], cwd } of configurations.slice(1)) {
    const [here, path] = [cwd, program].map(text => text?.replace(/^\$\{workspaceFolder\}/, '.'))
    expect([here, existsSync(path ?? '')]).toEqual(['.', true])
    const files = (args as string[]).filter(arg => /\.[jt]s$/.test(arg))
    expect(files.map(file => existsSync(file))).toEqual([true])
  }
})

/** The terminals of the driver, of other commands, and of a debugger. */
class Terminals {
  starts = 0
  #vnet: Running | undefined
  #debugger: Dialogue | undefined

  /** Runs the commands of a block and finds the lines below each, in order. */
  async play(lines: readonly string[]): Promise<void> {
    const starts = lines.flatMap((line, i) => (/^(\$ |debug> |\^C)/.test(line) ? [i] : []))
    // Lines of the first terminal.
    if (starts[0] !== 0) {
      await this.#logged(lines)
    }
    let captured = () => Promise.resolve()
    for (const [i, start] of starts.entries()) {
      const shown = lines.slice(start + 1, starts[i + 1])
      const [, kind, command = ''] =
        /^(\$ |debug> |\^C)(?:sudo )?(.*)/.exec(lines[start] ?? '') ?? []
      if (kind === '^C') {
        await captured()
        await this.stop()
      } else if (kind === 'debug> ') {
        await this.#debugger?.say(command, shown)
      } else if (shown.includes('ready')) {
        await this.#start(command)
      } else if (command.startsWith('node inspect')) {
        this.#debugger = new Dialogue(netns.spawn(command))
      } else if (command.startsWith('tcpdump')) {
        const child = netns.spawn(command)
        const ended = outcome(child)
        captured = async () => expectShown((await ended).stdout, shown)
        await listening(child)
      } else {
        await this.#run(command, shown)
      }
    }
  }

  /** Ends the driver as Ctrl-C does; every frame must be accounted for. */
  async stop(): Promise<void> {
    const vnet = this.#vnet
    if (vnet === undefined) return
    const { stdout } = await netns.run(`${VNET} stats --json`)
    expectConserved(
      jsonLines(stdout).flatMap(line => line.interfaces as Parameters<typeof expectConserved>[0]),
    )
    this.#vnet = undefined
    const { status, stderr } = await vnet.stop('SIGINT')
    expect(status).toBe(0)
    // The run was paused for longer than the watchdog waits.
    if (this.#debugger !== undefined) {
      expect(stderr).not.toContain('NETDEV WATCHDOG')
    }
  }

  async #start(command: string): Promise<void> {
    this.starts++
    const [, inspect, args = ''] =
      /^(?:npm start --|node (--inspect) dist\/vnet\.js) (.*)/.exec(command) ?? []
    const within = ['ip', 'netns', 'exec', netns.name]
    const nodeArgs = inspect === undefined ? [] : [inspect]
    this.#vnet = await spawnVnet(args.split(' '), { within, nodeArgs })
  }

  async #run(command: string, shown: readonly string[]): Promise<void> {
    const isLog = (line: string) => /^mirror0?: /.test(line)
    const isBreak = (line: string) => line.startsWith('break in')
    const { stdout, stderr } = await netns.run(command.replace(/^npm start --/, VNET))
    expectShown(
      stdout + stderr,
      shown.filter(line => !isLog(line) && !isBreak(line)),
    )
    await this.#logged(shown.filter(isLog))
    await this.#debugger?.until(shown.filter(isBreak))
  }

  async #logged(shown: readonly string[]): Promise<void> {
    for (const line of shown) {
      expect(await this.#vnet?.line(pattern(line))).toBeDefined()
    }
    expectShown(this.#vnet?.stderr ?? '', shown)
  }
}

/** Settles when tcpdump captures. */
async function listening({ stderr }: Child): Promise<void> {
  for (let text = ''; !text.includes('listening on'); ) {
    text += (await once(stderr, 'data')).join('')
  }
}

/** A debugger, which prints `debug> ` when it expects a command. */
class Dialogue {
  readonly #child: Child
  #text = ''

  constructor(child: Child) {
    this.#child = child
    child.stdout.setEncoding('utf8').on('data', text => {
      this.#text += text
    })
  }

  /** Gives a command and waits for the lines below it. */
  async say(command: string, shown: readonly string[]): Promise<void> {
    await this.#until(() => this.#text.includes('debug> '))
    this.#text = ''
    this.#child.stdin.write(`${command}\n`)
    if (command === '.exit') {
      await once(this.#child, 'close')
    } else {
      await this.until(shown)
    }
  }

  /** Waits until these lines were printed since the last command. */
  async until(shown: readonly string[]): Promise<void> {
    const printed = () =>
      this.#text.split('\n').map(line => line.replace(/^(debug> |[\b])+/, '').trimEnd())
    await this.#until(() => shown.every(line => printed().includes(line)))
  }

  async #until(isEnough: () => boolean): Promise<void> {
    while (!isEnough()) {
      await once(this.#child.stdout, 'data')
    }
  }
}

/** Checks that the lines occur in `text` in this order. */
function expectShown(text: string, shown: readonly string[]): void {
  const lines = text.split('\n')
  let from = 0
  for (const line of shown) {
    const at = lines.findIndex((actual, i) => i >= from && pattern(line).test(actual))
    if (at < 0) {
      expect.fail(`not printed: ${line}\nbut:\n${text}`)
    }
    from = at + 1
  }
}

/** Returns the pattern of a line, in which numbers that differ between runs are open. */
function pattern(line: string): RegExp {
  const source = line
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/(id|stopped for|timed out after|, time) \d+/, '$1 \\d+')
    .replace(/ +/g, ' +')
  return new RegExp(`^${source} *$`)
}
