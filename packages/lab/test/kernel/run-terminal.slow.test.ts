/** `vnet run` on a terminal: the command has the terminal. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ended } from '../../../../test/support/ordinary-user.ts'
import { standInInternet } from '../support/internet.ts'

const ON_TERMINAL = fileURLToPath(new URL('../../../../test/support/on-terminal.py', import.meta.url))
const { vnet } = standInInternet()

/** Runs an interactive shell, in which `run` is vnet run. `steps` are as in on-terminal.py. */
function onTerminal(...steps: readonly string[]): string {
  const words = vnet('run')
  const user = words.slice(0, words.indexOf(process.execPath))
  const shell = ['env', 'PS1=prompt ', 'PS2=', 'bash', '--norc', '--noprofile', '-i']
  const start = ['run() { ', ...words.slice(user.length).map(word => `'${word}'`), '--quiet -- "$@"; }\n'].join(' ')
  const { stdout, stderr } = ended(['python3', ON_TERMINAL, ...user, ...shell, '--', 'prompt ', start, ...steps])
  expect(stderr).toBe('')
  return stdout.replaceAll('\r', '')
}

test('Ctrl-C ends the command, and vnet with its status', () => {
  const shown = onTerminal(
    ...['prompt ', 'run sh -c \'echo sta""rted; exec sleep 1000\'\n', 'started', '\x03'],
    ...['prompt ', 'echo status $?; exit\n'],
  )
  expect(shown).toContain('status 130')
})

test('a command may handle Ctrl-C, and vnet ends with its status', () => {
  const shown = onTerminal(
    ...['prompt ', 'run sh -c \'trap "exit 7" INT; echo sta""rted; while :; do sleep 0.1; done\'\n', 'started', '\x03'],
    ...['prompt ', 'echo status $?; exit\n'],
  )
  expect(shown).toContain('status 7')
})

test('the command has the size of the terminal', () => {
  const shown = onTerminal('prompt ', 'stty rows 33 cols 77; run stty size; exit\n')
  expect(shown).toMatch(/^\S*33 77$/m)
})
