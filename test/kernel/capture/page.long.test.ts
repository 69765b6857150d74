/** Every command of docs/capture.md is run, in its order and as it is written. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { packetFields } from '#support/tshark.ts'
import { PROGRAM } from '#support/vnet-process.ts'

const page = readFileSync(new URL('../../../docs/capture.md', import.meta.url), 'utf8')
/** The prompt lines of all console blocks. */
const commands = [...page.matchAll(/```console\n(.*?)```/gs)].flatMap(([, block = '']) =>
  [...block.matchAll(/^[#$] (.*)$/gm)].map(([, command]) => command as string),
)

const { own, directory } = freshNamespaces()
/** Of tshark, which takes a second to say it. */
let folder: string | undefined
/** The test's namespaces replace the page's. */
let inTest: (command: string) => string
let children: ReturnType<typeof spawn>[]

beforeAll(() => {
  const listed = spawnSync('tshark', ['-G', 'folders'], { encoding: 'utf8' }).stdout
  folder = /^(?:Global )?Extcap path:\s*(.*)$/im.exec(listed)?.[1]
})
beforeEach(() => {
  const [red, blue] = [own.addQuiet().name, own.addQuiet().name]
  inTest = command => command.replace(/\bred\b/g, red).replace(/\bblue\b/g, blue)
  children = []
  mkdirSync(join(directory, 'bin'))
  mkdirSync(join(directory, 'extcap'))
  writeFileSync(
    join(directory, 'bin', 'vnet'),
    `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`,
    {
      mode: 0o755,
    },
  )
})
afterEach(() => {
  for (const child of children) {
    if (child.pid !== undefined) {
      kill(child.pid, 'SIGKILL')
    }
  }
})

/** Ends a command and its children. */
function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended.
  }
}

/** The arguments of a shell for which the folder of extcap programs is one of the test. */
function shell(command: string): [string, string[], object] {
  const script = `mount --bind ${directory}/extcap ${folder} && ${inTest(command)}`
  const env = { ...process.env, PATH: `${directory}/bin:${process.env.PATH}` }
  return [
    'unshare',
    ['-m', 'bash', '-o', 'pipefail', '-c', script],
    { cwd: directory, env, encoding: 'utf8' },
  ]
}

function run(command: string): string {
  const [file, args, options] = shell(command)
  const { status, stdout, stderr } = spawnSync(file, args, {
    ...options,
    timeout: 60_000,
    encoding: 'utf8',
  })
  expect([command, status], stderr).toEqual([command, 0])
  return stdout
}

/** Starts a command, and waits for a line of its output. */
async function start(command: string, pattern: RegExp) {
  const [file, args, options] = shell(command)
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  children.push(child)
  let text = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', more => {
        text += more
        if (pattern.test(text)) {
          resolve()
        }
      })
    }
    child.on('close', () => reject(new Error(`${command} ended: ${text}`)))
  })
  return {
    text: () => text,
    ended: once(child, 'close'),
    async stop() {
      const closed = once(child, 'close')
      kill(child.pid ?? 0, 'SIGINT')
      await closed
      return text
    },
  }
}

test('each command of docs/capture.md does what the page says', async () => {
  const done: string[] = []
  const next = (begin: string) => {
    const command = commands.find(each => each.startsWith(begin) && !done.includes(each))
    expect(command, begin).toBeDefined()
    done.push(command as string)
    return command as string
  }
  // Create the namespaces.
  for (const name of ['red', 'blue']) {
    next(`ip netns add ${name}`)
  }
  const ping = next('ip netns exec red ping')
  const cable = await start(next('vnet cable'), /^ready$/m)
  const ping1 = () => spawnSync(...(shell(ping) as [string, string[], object]))

  const piped = await start(next('vnet capture red/ca -'), /capturing/)
  const starting = start(next('vnet frames'), /dropped/)
  const seen = starting.then(() => true)
  do {
    ping1()
  } while (
    !(await Promise.race([seen, new Promise<false>(resolve => setImmediate(resolve, false))]))
  )
  const frames = await starting
  expect(await piped.stop()).toMatch(/ICMP echo request/)
  expect(await frames.stop()).toMatch(/\/c[ab] tx-0 .*, dropped: wire [ab]+, stage 1 loss 5%/)

  run(next('vnet extcap --install'))
  expect(run(next('tshark -D'))).toContain(inTest('vnet-red:ca'))
  const tshark = await start(next('tshark -i'), /Capture started/)
  ping1()
  await tshark.ended
  await cable.stop()

  expect(run(next('tshark -r bad.pcapng -Y frame.verdict -T'))).toMatch(
    /\tca\tdropped: wire ab, stage 1 loss 5% \(seed/,
  )
  const [sent, arrived, dropped, made] = [
    "tshark -r bad.pcapng -Y 'frame",
    "tshark -r bad.pcapng -Y 'frame",
    'tshark -r bad.pcapng -Y frame.verdict |',
    "tshark -r bad.pcapng -Y 'frame.packet_flags_direction == 1 && frame.packet_id",
  ].map(begin => Number(run(next(begin)))) as [number, number, number, number]
  expect(dropped).toBeGreaterThan(0)
  expect(made).toBe(0)
  expect(sent).toBe(arrived + dropped)
  const ways = run(next("tshark -r bad.pcapng -Y 'frame.packet_id == 5'")).split('\n').slice(0, -1)
  expect(ways).toHaveLength(2)
  run(next("tshark -r bad.pcapng -Y 'frame.interface_name"))
  expect(packetFields(join(directory, 'cb.pcapng'), ['frame.number']).length).toBeGreaterThan(0)
  run(next('capinfos'))
  run(next('tcpdump'))
  expect(done.sort()).toEqual([...commands].sort())
})
