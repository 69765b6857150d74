/** Each command, and each function that opens an interface, on another operating system. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { allCommands } from '#src/cli/program.ts'
import { exampleArguments } from '#support/example-arguments.ts'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { PING, program, programsIn, refusal, root } from './other-system.ts'

const directory = freshDirectory()
const { node, run, vnet } = programsIn(directory)

/** Command lines for the program itself: what its commands load is the same everywhere. */
const OF_PROGRAM = ['', 'cable a b', 'list', 'run true']

/** The arguments of all examples in the help: each command has some, also a new one. */
const EXAMPLES = (await allCommands(false)).flatMap(({ examples = [] }) =>
  examples.map(([line]) => exampleArguments(line)),
)
/** Lines that need the kernel, too, with options or without arguments as in no example. */
const OTHERS = [
  ['snull'],
  ['lan'],
  ['node'],
  ['stats'],
  ['frames'],
  ['attach', '--node', 'a'],
  ['extcap', '--extcap-interfaces'],
]

/**
 * The starts of examples that run everywhere, or with ping(8). All examples that start so are
 * exempt, with any options. Any other is refused off Linux. `extcap --install` would write into
 * Wireshark's folder.
 */
const RUN_EVERYWHERE = [
  'check',
  'completion',
  'conform --list',
  'extcap --install',
  'grade',
  'help',
  'lab check',
  'lab graph',
  'learn',
  'record',
  'simulate',
  'test-from',
  'toxiproxy',
]
const startsWith = (words: readonly string[], start: string) =>
  `${words.join(' ')} `.startsWith(`${start} `)

const NEED_LINUX = [
  ...EXAMPLES.filter(words => !RUN_EVERYWHERE.some(start => startsWith(words, start))),
  ...OTHERS,
]

/** A capture in the format of tcpdump, with one frame of 60 bytes. */
const CAPTURE = Buffer.concat([
  Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'),
  Buffer.from('00000000000000003c0000003c000000', 'hex'),
  Buffer.alloc(60, 0xff),
])
const LAB = 'hosts: [client, server]\ncables: { link: { ends: [client, server] } }\n'

test('each start of an example that runs everywhere is in the help', () => {
  const isInHelp = (start: string) => EXAMPLES.some(words => startsWith(words, start))
  expect(RUN_EVERYWHERE.filter(start => !isInHelp(start))).toEqual([])
})

describe.each(['darwin', 'win32'] as const)('on %s', platform => {
  test.each([
    ['--version', /^\d+\.\d+\.\d+/],
    ['--help', /^Usage: vnet /],
    ['help --all', /^Interfaces:/],
    ['cable --help', /^Usage: vnet cable /],
    ['completion bash', /^# Completion for bash/],
    ['learn', /^01-drop /m],
  ])('vnet %s works', (line, expected) => {
    expect(vnet(platform, line)).toEqual({
      status: 0,
      stdout: expect.stringMatching(expected),
      stderr: '',
    })
  })

  test('vnet simulate runs a capture through a wire', () => {
    writeFileSync(join(directory, 'a.pcap'), CAPTURE)
    const options = ['--wire', 'loss 100%', '--out', 'out.pcapng', '--log', 'log.jsonl']
    const { status, stdout, stderr } = node(platform, program, 'simulate', 'a.pcap', ...options)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('ab loss dropped: loss 1')
  })

  test('vnet check runs the checks in memory, and names Linux for the others', () => {
    expect(vnet(platform, 'learn 01-drop').status).toBe(0)
    const { stdout, stderr } = vnet(platform, 'check 01-drop')
    expect(stdout).toContain('ok      registers one device, drop0')
    expect(stderr).toBe('')
  })

  const refused = { status: 1, stdout: '', stderr: `vnet: ${refusal(platform)}\n` }

  test.each(OF_PROGRAM)("'vnet %s' is refused in one line with exit status 1", line => {
    expect(vnet(platform, line)).toEqual(refused)
  })

  test('each example in the help is refused in one line with exit status 1, unless it runs everywhere', () => {
    writeFileSync(join(directory, 'a.pcap'), CAPTURE)
    writeFileSync(join(directory, 'net.yaml'), LAB)
    const { stdout, stderr } = run(
      platform,
      `
      const { main } = await import('${pathToFileURL(join(root, 'dist/cli/main.js'))}')
      for (const words of ${JSON.stringify(NEED_LINUX)}) {
        const ended = { words, stdout: '', stderr: '' }
        const add = stream => text => void (ended[stream] += text)
        const io = { out: add('stdout'), err: add('stderr'), onEnd: () => () => {} }
        ended.status = await main(words, io)
        console.log(JSON.stringify(ended))
      }
      process.exit()
      `,
    )
    expect(stderr).toBe('')
    expect(
      stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual(NEED_LINUX.map(words => ({ words, ...refused })))
  })

  test('the functions that open interfaces reject with the same line', () => {
    const { stdout, stderr } = run(
      platform,
      `
      const { attach, openCable } = await import('vnet/wire')
      const { openTap } = await import('vnet/tap')
      const { createLab } = await import('@vnet/lab')
      const show = error => console.log(error.name + ': ' + error.message)
      await openTap({ name: 'a' }).catch(show)
      await openCable('a', 'b').catch(show)
      await attach('a').catch(show)
      await createLab({ world: 'kernel' }).catch(show)
      `,
    )
    const error = `VnetError: load the native addon: EOPNOTSUPP, operation not supported; ${refusal(platform)}`
    const lines = [error, error, error, `LabUnavailableError: ${refusal(platform)}`]
    expect({ stdout, stderr }).toEqual({ stdout: `${lines.join('\n')}\n`, stderr: '' })
  })

  test('a driver runs in memory', () => {
    expect(run(platform, PING)).toEqual({ status: 0, stdout: '1\n', stderr: '' })
  })

  test('a lab is in memory, and a line says why', () => {
    const text = `
      import { createServer } from 'node:http'
      const { createLab } = await import('@vnet/lab')
      const lab = await createLab()
      const [client, server] = lab.hosts('client', 'server')
      const link = await lab.cable(client, server, { wire: "match 'tcp dst port 8080' ( delay 2s )" })
      const fault = await link.ab.drop('tcp[tcpflags] & tcp-syn != 0 and dst port 8080', { nth: 1 })
      await server.listen(createServer((_, response) => response.end('hello')), 8080)
      console.log(await (await client.fetch('http://server:8080/')).text(), fault.hits)
      await lab.close()
    `
    const stderr = `vnet: labs are in memory, in virtual time, because ${refusal(platform)}\n`
    expect(run(platform, text)).toEqual({ status: 0, stdout: 'hello 1\n', stderr })
  })
})

/** Modules that only start, that the runner of another program loads, or that run in a browser. */
const STARTED =
  /(^|\/)(vnet|[\w-]+-main|[\w-]*worker|front-process|moved|restrict-live|lab-test|vitest|playwright)\.js$|\/page\//

test.each(['darwin', 'win32'] as const)(
  'on %s, every module can be imported without a file of Linux',
  platform => {
    const folders = [
      'dist',
      ...['exec', 'lan', 'guest', 'inet', 'conform', 'lab', 'web', 'learn'].map(
        name => `packages/${name}/dist`,
      ),
    ]
    const urls = folders
      .flatMap(folder =>
        readdirSync(join(root, folder), { recursive: true }).map(name =>
          join(root, folder, `${name}`),
        ),
      )
      .filter(path => path.endsWith('.js') && !STARTED.test(path.replaceAll(sep, '/')))
      .map(path => pathToFileURL(path).href)
    expect(urls.length).toBeGreaterThan(300)
    const list = written(directory, 'modules.json', JSON.stringify(urls))
    const text = `
    import { readFileSync } from 'node:fs'
    for (const url of JSON.parse(readFileSync(process.argv[1], 'utf8'))) {
      await import(url).catch(error => console.log(url, error.message))
    }
    process.exit()
  `
    expect(node(platform, '--input-type=module', '-e', text, list)).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
  },
)
