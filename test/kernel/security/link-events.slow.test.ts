/**
 * Events from interfaces that the root of another namespace changes: a vnet that receives them
 * continues, and knows the state of its own interfaces.
 */
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'

const NOT_UTF8 = '"$(printf \'\\377\\376\\377\\376\\377\\376\')"'
const SHOWN = /\\xff\\xfe\\xff\\xfe\\xff\\xfe/

const { own, home, far } = freshQuietNamespaces('home', 'far')
let vnet: Running

beforeEach(() => {
  // Events of a namespace are delivered to namespaces that have an id for it.
  home.ip(`netns set ${far.name} auto`)
})
afterEach(() => vnet?.stop())

/** Runs a command that may contain bytes that are not UTF-8. */
const sh = (command: string) =>
  execFileSync('sh', ['-c', command], { encoding: 'latin1', stdio: 'pipe' })

async function start(...args: string[]): Promise<void> {
  vnet = await spawnVnet(['loop', '-v', '--no-address', ...args], {
    within: ['ip', 'netns', 'exec', home.name],
  })
}

/** Adds 300 names of 116 characters, which make an RTM_NEWLINK of 36 KB. */
function addNames(netns: Netns, dev: string): void {
  const lines = Array.from(
    { length: 300 },
    (_, i) => `link property add dev ${dev} altname ${`${i}-`.padEnd(116, 'a')}\n`,
  )
  execFileSync('ip', ['-n', netns.name, '-batch', '-'], { input: lines.join('') })
}

/** Changes the vnet's interface and waits for its log line. Earlier events are read by then. */
async function expectHeard(netns: Netns, name: string, mtu: number): Promise<void> {
  sh(`ip -n ${netns.name} link set ${name} mtu ${mtu}`)
  await vnet.line(new RegExp(`: mtu ${mtu}$`))
}

async function expectGoodEnd(): Promise<void> {
  const { status, stderr } = await vnet.stop()
  expect([status, stderr.match(/^.*(event of an interface|defect|Error).*$/gm)]).toEqual([0, null])
}

describe('another interface', () => {
  test('a vnet continues when another interface gets 300 names of 116 characters', async () => {
    await start()
    addNames(far, 'lo')
    far.ip('link set lo up')
    await expectHeard(home, 'vnet0', 1400)
    await expectGoodEnd()
  })

  test('a vnet continues when an interface whose name is not UTF-8 moves in and out', async () => {
    await start()
    sh(`ip -n ${far.name} link add eth0 type veth peer name eth1`)
    sh(`ip -n ${far.name} link set eth0 name ${NOT_UTF8}`)
    sh(`ip -n ${far.name} link set ${NOT_UTF8} netns ${home.name}`)
    sh(`ip -n ${home.name} link set ${NOT_UTF8} netns ${far.name}`)
    await expectHeard(home, 'vnet0', 1400)
    await expectGoodEnd()
  })

  test('a vnet starts where another interface has 300 names, or one that is not UTF-8', async () => {
    addNames(far, 'lo')
    sh(`ip -n ${far.name} link add eth0 type veth peer name eth1`)
    sh(`ip -n ${far.name} link set eth0 name ${NOT_UTF8}`)
    await start('--netns', far.name)
    await expectHeard(far, 'vnet0', 1400)
    await expectGoodEnd()
  })
})

describe('the vnet’s own interface', () => {
  test('changes of an interface that gets 300 names of 116 characters are noticed', async () => {
    await start('--netns', far.name)
    addNames(far, 'vnet0')
    await expectHeard(far, 'vnet0', 1400)
    far.ip('link set vnet0 down')
    await vnet.line(/vnet0: device closed$/)
    await expectGoodEnd()
  })

  test('changes of an interface are noticed after it gets a name that is not UTF-8 and moves out and back', async () => {
    const third = own.addQuiet()
    await start('--netns', far.name)
    sh(`ip -n ${far.name} link set vnet0 down`)
    sh(`ip -n ${far.name} link set vnet0 name ${NOT_UTF8}`)
    expect(await vnet.line(/renamed to/)).toMatch(SHOWN)
    sh(`ip -n ${far.name} link set ${NOT_UTF8} netns ${third.name}`)
    expect(await vnet.line(/moved to another network namespace/)).toMatch(SHOWN)
    await expectHeard(third, NOT_UTF8, 1400)
    sh(`ip -n ${third.name} link set ${NOT_UTF8} netns ${far.name}`)
    sh(`ip -n ${far.name} link set ${NOT_UTF8} up`)
    await expectHeard(far, NOT_UTF8, 1300)
    sh(`ip -n ${far.name} link set ${NOT_UTF8} name eth7`)
    expect(await vnet.line(/renamed to eth7/)).toMatch(SHOWN)
    await expectGoodEnd()
  })

  test('the log escapes a new name that would set the title of a terminal', async () => {
    await start('--netns', far.name)
    sh(`ip -n ${far.name} link set vnet0 down`)
    sh(`ip -n ${far.name} link set vnet0 name "$(printf '\\033]0;hi\\007\\033[2J')"`)
    expect(await vnet.line(/renamed to/)).toBe('vnet0: renamed to \\x1b]0;hi\\x07\\x1b[2J')
    const { stdout, stderr } = await vnet.stop()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
    expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
  })
})
