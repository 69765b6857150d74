/** Commands on an interface whose name has escape sequences and bytes that are not UTF-8. */
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { firstOf } from '#support/scale.ts'
import { withoutLabs } from '#support/vnet-commands.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const NAME = '\x1b]0;\udcffhi\x07'
const SHOWN = '\\x1b]0;\\xffhi\\x07'

const { home } = freshQuietNamespaces('home')
let vnet: Running

beforeEach(async () => {
  vnet = await spawnVnet(['loop', '--no-address'], { within: ['ip', 'netns', 'exec', home.name] })
  home.ip('link set vnet0 down')
  execFileSync('sh', [
    '-c',
    `ip -n ${home.name} link set vnet0 name "$(printf '\\033]0;\\377hi\\007')"`,
  ])
  await vnet.line(/renamed to/)
})
afterEach(() => vnet.stop())

test.each(
  firstOf(4, [
    ['list'],
    ['list --names'],
    ['list --json'],
    [`show ${SHOWN}`],
    [`show --json ${SHOWN}`],
    [`stats --all ${SHOWN}`],
    [`stats --json ${SHOWN}`],
    [`param ${SHOWN}`],
    ['show nothing'],
  ]),
)('vnet %s shows it escaped, and finds it as it is shown', async words => {
  const command = withoutLabs([process.execPath, PROGRAM, ...words.split(' ')])
  const { status, stdout, stderr } = await outcome(home.spawn(command))
  const said = stdout + stderr
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
  expect(said).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]|\ufffd/)
  expect(status).toBe(words === 'show nothing' ? 1 : 0)
  if (words.includes('--json')) {
    expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(NAME))
  } else if (!words.startsWith('param')) {
    expect(said).toContain(SHOWN)
  }
})
