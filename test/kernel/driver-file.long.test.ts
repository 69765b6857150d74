/**
 * Drivers from files: an error of the driver is shown at its line, parameters are options of the
 * command, and a newer Node runs TypeScript.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { LIBRARY } from '#support/driver-files.ts'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Outcome } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { sentPackets } from '#support/shown-link.ts'
import { spawnVnet, stopConserved } from '#support/vnet-process.ts'

/** Time to fetch a Node that the machine does not have yet. */
const DOWNLOAD = 300_000

const { netns, files } = freshQuietNamespaces('netns')

const links = () => JSON.parse(netns.ip('-j link')).map((link: { ifname: string }) => link.ifname)
const lines = (text: string) => text.trimEnd().split('\n')

/** `vnet FILE ARGS` that ends by itself. */
function program(file: string, ...args: string[]): Promise<Outcome> {
  const path = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))
  return netns.run([process.execPath, path, file, '--netns', netns.name, ...args].join(' '))
}

describe("an error in a user's own driver is shown at the user's line", () => {
  const MINE = /\(at [^()]*\(?(?:file:\/\/)?\/[^()]*\/my-driver\.mjs:(\d+)/
  const lineOf = (text: string) => Number(MINE.exec(text)?.[1])

  test.each([
    ['that does not parse', `\n\nexport const driver = {\n  name: 'x' description: 'y',\n}\n`, 4],
    [
      'that imports what there is not',
      `import {\n  defineDriver,\n  notThere,\n} from '${LIBRARY}'\n`,
      3,
    ],
    ['that throws when it is loaded', `\nconst nothing = undefined\nnothing.at(0)\n`, 3],
    [
      'that asks for a bad device when it is loaded',
      bad(`allocEtherdevMqs({ name: 'a/b', setup() {} })\n`),
      3,
    ],
  ])('of a file %s', async (_, text, line) => {
    const { status, stdout, stderr } = await program(files.write(text))
    expect([status, stdout, lines(stderr)]).toEqual([
      2,
      '',
      [expect.stringMatching(/^vnet: .* does not load: /)],
    ])
    expect(lineOf(stderr)).toBe(line)
  })

  function bad(statement: string): string {
    return `import { allocEtherdevMqs } from '${LIBRARY}'\n\n${statement}`
  }

  test('an error in a file that a driver imports is shown at its line', async () => {
    files.write('export const a =\n  1 +\n', 'part.mjs')
    const { status, stderr } = await program(files.write(`import './part.mjs'\n`))
    expect([status, lines(stderr)]).toEqual([
      2,
      [expect.stringMatching(/does not load: SyntaxError: Unexpected end/)],
    ])
    // Never of another file's.
    expect(stderr).not.toContain('my-driver.mjs:')
  })

  test.each([
    ['init', "init() {\n    throw new TypeError('boom')\n  }", 1, 5],
    [
      'init, for a device that cannot be',
      "init() {\n    return [{ dev: allocEtherdevMqs({ name: '', setup() {} }) }]\n  }",
      2,
      0,
    ],
    [
      'a setup function',
      'init() {\n    return [{ dev: allocEtherdevMqs({ setup(dev) {\n      dev.nothing.at(0) } }) }]\n  }',
      1,
      6,
    ],
  ])('thrown in %s', async (_, init, status, line) => {
    const text = `import { allocEtherdevMqs } from '${LIBRARY}'
export const driver = {
  name: 'mine', description: 'my own', params: {},
  ${init},
}`
    const outcome = await program(files.write(text))
    expect([outcome.status, outcome.stdout, lines(outcome.stderr)]).toEqual([
      status,
      '',
      [expect.stringMatching(/^vnet: /)],
    ])
    // A refused call of the framework is reported by its argument, other errors by their line.
    if (line === 0) {
      expect(outcome.stderr).toMatch(/^vnet: interface name '': 1 to 15 bytes/)
    } else {
      expect(lineOf(outcome.stderr)).toBe(line)
    }
    expect(links()).toEqual(['lo'])
  })

  test('an error in ndoStartXmit is shown at its line, and traffic continues', async () => {
    const text = `import { allocEtherdevMqs } from '${LIBRARY}'

function startXmit(skb) {
  if (skb.len > 100)
    skb.pull(1000)
  skb.nothing.at(0)
}

const setup = dev => { dev.netdevOps = { ndoStartXmit: startXmit } }
const dev = allocEtherdevMqs({ name: 'mine0', setup })
export const driver = { name: 'mine', description: 'my own', params: {}, init: () => [{ dev }] }
`
    // The next line comes a second later at the earliest.
    for (const [octets, message, line] of [
      [46, 'TypeError: Cannot read properties of undefined', 6],
      [200, 'SkbError: skb_over_panic: skb_pull of 1000 bytes where 214 are left', 5],
    ] as const) {
      const vnet = await spawnVnet([files.write(text), '--netns', netns.name, '--json'])
      using sender = new PacketSocket(netns, 'mine0')
      for (let i = 0; i < 5; i++) {
        sender.send(ethernet(0x88b5, octets))
      }
      const log = JSON.parse(await vnet.line(/ndoStartXmit: /))
      expect(log.message).toContain(`mine0: ndoStartXmit: ${message}`)
      expect(log.message).toMatch(new RegExp(`my-driver\\.mjs:${line}:`))
      await expect.poll(() => sentPackets(netns, 'mine0')).toBe(5)
      netns.ip('link set mine0 down')
      await vnet.line(/device closed/)
      const { stdout, status } = await vnet.stop()
      const [{ total, drops }] = JSON.parse(lines(stdout).at(-1)!).interfaces
      expect([status, total.txPackets, total.txDropped, drops.tx]).toEqual([
        0,
        5,
        5,
        { DRIVER_EXCEPTION: 5 },
      ])
    }
  })
})

describe('parameters', () => {
  const params = `ratio: vnet.int({ default: 3, min: 1, max: 9, description: 'one in so many' }),
    loud: vnet.bool({ default: false, description: 'say so' }),
    pair: vnet.text({ default: 'a-b', description: 'two', parse(text) {
      if (!text.includes('-')) throw new vnet.UsageError('a dash is missing in ' + text)
      return text
    } })`
  const file = () => files.driver({ params, init: 'console.log(JSON.stringify(params))' })

  test('parameters have their defaults, or the values of the command line', async () => {
    for (const [args, values] of [
      [[], { ratio: 3, loud: false, pair: 'a-b' }],
      [['--ratio', '0x7', '--loud', '--pair', 'c-d'], { ratio: 7, loud: true, pair: 'c-d' }],
    ] as const) {
      const vnet = await spawnVnet([file(), '--netns', netns.name, '-q', ...args])
      expect(JSON.parse(lines((await vnet.stop()).stdout)[0]!)).toEqual(values)
    }
  })

  test.each([
    [['--ratio', '10'], "--ratio 10: '10' is not a whole number from 1 to 9"],
    [['--ratio', 'x'], "--ratio x: 'x' is not a whole number from 1 to 9"],
    [['--pair', 'ab'], '--pair ab: a dash is missing in ab'],
    [['--ration', '1'], "unknown option '--ration'; did you mean '--ratio'?"],
    [['--ratio'], '--ratio needs a value: --ratio N'],
  ])('parameter %j is refused in one line', async (args, message) => {
    const { status, stdout, stderr } = await program(file(), ...args)
    expect([status, stdout, stderr]).toEqual([2, '', `vnet: ${message}\n`])
    expect(links()).toEqual(['lo'])
  })

  test.each([
    [
      "mtu: vnet.int({ default: 1, description: 'mine' })",
      /parameter mtu: every driver has --mtu; rename the parameter/,
    ],
    [
      "address: vnet.bool({ default: true, description: 'mine' })",
      /parameter address: every driver has --address; rename the parameter/,
    ],
    ['ratio: 5', /parameter ratio must be made by int\(\), bool\(\) or text\(\)/],
    ['ratio: undefined', /parameter ratio must be made by int\(\), bool\(\) or text\(\)/],
  ])(
    'malformed parameters are refused in one line that names them: %s',
    async (params, message) => {
      const { status, stdout, stderr } = await program(files.driver({ params }))
      expect([status, stdout, lines(stderr)]).toEqual([2, '', [expect.stringMatching(message)]])
      expect(stderr).toContain('my-driver.mjs: ')
    },
  )
})

test(
  'a driver in TypeScript runs on a Node that strips types',
  async () => {
    const text = `import { allocEtherdevMqs, defineDriver, netifRx, type NetDevice, type SkBuff } from '${LIBRARY}'

interface Priv { frames: number }

function startXmit(skb: SkBuff, dev: NetDevice<Priv>): number {
  dev.priv.frames++
  netifRx(skb)
  return 0
}

function setup(dev: NetDevice<Priv>): void {
  dev.netdevOps = { ndoStartXmit: startXmit, ndoStop: dev => dev.log.info(\`\${dev.priv.frames} frames\`) }
}

export const driver = defineDriver({
  name: 'mine', description: 'my own', params: {},
  init: () => [{ dev: allocEtherdevMqs<Priv>({ name: 'mine0', setup, priv: { frames: 0 } }) as NetDevice<never> }],
})
`
    const file = files.write(text, 'my-driver.ts')
    const npx = ['-y', '-p', 'node@22', '--', 'node', '-p', 'process.execPath']
    const node = execFileSync('npx', npx, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    // That Node, in place of the one the program is started with.
    const within = ['sh', '-c', 'node=$0; shift; exec "$node" "$@"', node]
    const vnet = await spawnVnet([file, '--netns', netns.name, '--json'], { within })
    using host = new PacketSocket(netns, 'mine0')
    host.send(ethernet(0x88b5, 46))
    await host.until(({ octets }) => octets[13] === 0xb5)
    const { mine0 } = await stopConserved(vnet)
    expect(mine0!.total).toMatchObject({ txPackets: 1, rxPackets: 1 })
    expect(vnet.stdout).toContain('mine0: 1 frames')
  },
  DOWNLOAD,
)
