/** Tab completion by the real shells, with a fake vnet. */
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { allCommands } from '#src/cli/program.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { courseNames } from '../../../packages/learn/src/folder.ts'

const directory = fileDirectory()
const vnet = join(directory, 'vnet')
/** The commands and drivers without a command before them, which docs/commands.md has, too. */
const COMMANDS = (await allCommands(false))
  .filter(({ under }) => under === undefined)
  .map(({ name }) => name)
/** Commands of several groups. */
const SOME = ['loop', 'attach', 'stats', 'wire', 'capture', 'lab', 'check', 'completion']
const EXERCISES = courseNames()

const cases: readonly (readonly [line: string, words: readonly string[]])[] = [
  ['vnet s', COMMANDS.filter(name => name.startsWith('s'))],
  ['vnet car', ['carrier']],
  ['vnet --mt', ['--mtu']],
  ['vnet web 8080 --ho', ['--host']],
  ['vnet --capture ', []],
  ['vnet snull --use-', ['--use-napi']],
  ['vnet snull --mtu ', []],
  ['vnet stats --w', ['--watch']],
  ['vnet stats --watch ', []],
  ['vnet stats ', ['sn0', 'red/sn1']],
  ['vnet stats sn0 --queues r', ['red/sn1']],
  ['vnet stats --watch 1s s', ['sn0']],
  ['vnet show ', ['sn0', 'red/sn1']],
  ['vnet show sn0 ', []],
  ['vnet show --json sn', ['sn0']],
  ['vnet reset r', ['red/sn1']],
  ['vnet ioctl sn0 ', []],
  ['vnet carrier sn0 ', ['on', 'off']],
  ['vnet carrier sn0 of', ['off']],
  ['vnet wire r', ['red/sn1']],
  ['vnet wire sn0 --wire-b', ['--wire-ba']],
  ['vnet wire sn0 --wire-ab ', []],
  ['vnet wire sn0 --wire-o', ['--wire-out']],
  ['vnet attach eth0 --fail', ['--fail-open']],
  ['vnet attach --cont', ['--container']],
  ['vnet node --im', ['--image-labels']],
  ['vnet detach r', ['red/sn1']],
  ['vnet attach eth0 --mt', []],
  ['vnet param sn0 ', ['lockup', 'timeout']],
  ['vnet param sn0 t', ['timeout']],
  ['vnet param red/sn1 ', []],
  ['vnet trigger sn0 l', ['lockup', 'lost-interrupt']],
  ['vnet trigger --queue 1 sn0 f', ['flap']],
  ['vnet trigger sn0 flap ', []],
  ['vnet trigger red/sn1 ', []],
  ['vnet events ', ['sn0', 'red/sn1']],
  ['vnet frames --filter tcp ', ['sn0', 'red/sn1']],
  ['vnet extcap --', ['--install', '--uninstall', '--help']],
  ['vnet roo', ['rootless']],
  ['vnet rootless --', ['--help', '--internet']],
  ['vnet learn 0', EXERCISES.slice(0, 9)],
  ['vnet learn v', []],
  ['vnet learn 01-drop ', []],
  ['vnet check ', [...EXERCISES, 'vnet']],
  ['vnet check --memory-only 03', ['03-ring']],
  ['vnet check 01-drop ', [...EXERCISES, 'vnet']],
  ['vnet grade ', ['vnet']],
  ['vnet grade --points vnet v', ['vnet']],
  ['vnet completion ', ['bash', 'zsh']],
  ['vnet help car', ['carrier']],
  ['vnet lan ', ['show']],
  ['vnet lan sh', ['show']],
  ['vnet lan eth9 ', []],
  ['vnet lan --spe', ['--speed']],
  ['vnet lab c', ['check']],
  ['vnet lab check v', ['vnet']],
  ['vnet lab g', ['graph']],
  ['vnet explore --bu', ['--budget', '--bursts']],
  ['vnet lab --h', ['--host', '--help']],
  ['vnet lan show ', ['sn0', 'red/sn1']],
  ['vnet lan show sn0 ', []],
  ['vnet lan show --le', ['--leases']],
  ['vnet lan show --json r', ['red/sn1']],
  ['vnet simulate v', ['vnet']],
  ['vnet simulate run.log ', []],
  ['vnet replay v', ['vnet']],
  ['vnet replay --receive red/eth0 v', ['vnet']],
  ['vnet replay a.pcap --d', ['--direction']],
  ['vnet simulate --wire loss --wire-', ['--wire-ab', '--wire-ba']],
  ['vnet capture ', ['sn0', 'red/sn1', 'vnet']],
  ['vnet capture sn0 v', ['vnet']],
  ['vnet capture --ring 2x1MB s', ['sn0']],
  ['vnet nonsense ', []],
  ['vnet ./my-driver.js --', ['--mtu', '--delay']],
  ['vnet ./my-driver.js --d', ['--delay']],
  ['vnet ./my-driver.js --delay 1 --m', ['--mtu']],
  ['vnet ./my-driver.js ', []],
]

beforeAll(() => {
  const script = `#!/bin/sh
case "$*" in
  'list --names') printf 'sn0\\nred/sn1\\n' ;;
  'param sn0 --names') printf 'lockup\\ntimeout\\n' ;;
  'trigger sn0') printf 'lockup\\nlost-interrupt\\nflap\\n' ;;
  'help ./my-driver.js --names') printf -- '--mtu\\n--delay\\n' ;;
  *) echo "vnet: no" >&2; exit 1 ;;
esac
`
  writeFileSync(vnet, script)
  chmodSync(vnet, 0o755)
})

async function script(shell: string): Promise<string> {
  const { status, stdout, stderr } = await runMain('completion', shell)
  expect([status, stderr]).toEqual([0, ''])
  return stdout
}

function run(shell: string, args: readonly string[], input: string): string[] {
  const { status, stdout, stderr } = spawnSync(shell, [...args], {
    input,
    encoding: 'utf8',
    cwd: directory,
  })
  expect([status, stderr]).toEqual([0, ''])
  return stdout.split('\n').filter(line => line !== '')
}

const quoted = (words: readonly string[]) => words.map(word => `'${word}'`).join(' ')

/**
 * Splits a line for a completion like a shell, with the path of the fake vnet as the first word.
 */
const wordsOf = (line: string) => [vnet, ...line.split(' ').slice(1)]

/** The tests of every shell; `ask` returns what a line completes to. */
function completes(ask: (line: string) => Promise<string[]>): void {
  test.each(cases)('%s completes to its words', async (line, words) => {
    expect((await ask(line)).sort()).toEqual([...words].sort())
  })

  test('the first word completes to a command or a driver file', async () => {
    writeFileSync(join(directory, 'mirror.mjs'), '')
    expect(COMMANDS).toEqual(expect.arrayContaining(SOME))
    expect((await ask('vnet ')).sort()).toEqual([...COMMANDS, 'mirror.mjs'].sort())
    rmSync(join(directory, 'mirror.mjs'))
  })
}

describe('bash', () => {
  const ask = async (line: string) => {
    const words = wordsOf(line)
    const call = `COMP_WORDS=(${quoted(words)}); COMP_CWORD=${words.length - 1}; _vnet; printf '%s\\n' "\${COMPREPLY[@]}"`
    return run('bash', ['--norc', '-s'], `${await script('bash')}\n${call}`)
  }

  completes(ask)

  test.each([
    ['vnet cut con', ['container:web', 'container:web/eth0']],
    ['vnet cut container : w', ['web', 'web/eth0']],
    ['vnet cut container :', ['web', 'web/eth0']],
    ['vnet wire --json container : web/', ['web/eth0']],
    ['vnet trigger container : web l', ['lockup']],
  ])(
    '%s, which bash breaks at colons, completes after the last of them',
    async (line, expected) => {
      const words = wordsOf(line)
      const named = `#!/bin/sh
case "$*" in
  'list --names') printf 'container:web\\ncontainer:web/eth0\\n' ;;
  'trigger container:web') echo lockup ;;
esac
`
      const fake = join(directory, 'named')
      writeFileSync(fake, named, { mode: 0o755 })
      const call = `COMP_WORDBREAKS=' :'; COMP_WORDS=(${quoted([fake, ...words.slice(1)])}); COMP_CWORD=${words.length - 1}`
      const printed = `${call}; _vnet; printf '%s\\n' "\${COMPREPLY[@]}"`
      const got = run('bash', ['--norc', '-s'], `${await script('bash')}\n${printed}`)
      rmSync(fake)
      expect(got.sort()).toEqual([...expected].sort())
    },
  )

  test('the script registers itself for the command vnet', async () => {
    expect(run('bash', ['--norc', '-s'], `${await script('bash')}\ncomplete -p vnet`)).toEqual([
      'complete -F _vnet vnet',
    ])
  })
})

const noZsh = spawnSync('zsh', ['--version']).error !== undefined

describe.skipIf(noZsh)('zsh', () => {
  /** zsh's compadd exists only while a line is edited; the fake one prints the words that match. */
  const ask = async (line: string) => {
    const words = wordsOf(line)
    const compadd = `compadd() {
  while [[ $1 == -* && $1 != -- ]]; do shift; done; shift
  for word; do [[ $word == "$words[CURRENT]"* ]] && print -r -- "$word"; done
}
_files() { compadd -f -- \${~2-*}(N) }
compdef() { }
`
    const call = `words=(${quoted(words)}); CURRENT=${words.length}; _vnet; true`
    return run('zsh', ['-f', '-s'], `${compadd}${await script('zsh')}\n${call}\n`)
  }

  completes(ask)
})
