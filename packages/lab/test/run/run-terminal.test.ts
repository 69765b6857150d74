/** `vnet run` on a terminal: the command has the terminal, and is a job of the shell. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ended, type Machine } from '#support/ordinary-user.ts'
import { SERVER_ADDRESS, standInInternet } from '../support/internet.ts'

const ON_TERMINAL = fileURLToPath(
  new URL('../../../../test/support/on-terminal.py', import.meta.url),
)
const [CTRL_C, CTRL_Z] = ['\x03', '\x1a']
const { vnet } = standInInternet()

/**
 * Runs an interactive shell, in which the function `run`, or `$RUN`, is vnet run. `steps` are as in
 * on-terminal.py. A text of a command has "" inside, so that the text is expected of its output
 * only.
 */
function onTerminal(steps: readonly string[], machine: Machine = {}): string {
  const words = vnet('run', machine)
  const user = words.slice(0, words.indexOf(process.execPath))
  const shell = ['env', 'PS1=prompt ', 'PS2=', 'bash', '--norc', '--noprofile', '-i']
  const run = `${words.slice(user.length).join(' ')} --quiet --`
  const define = `RUN='${run}'; run() { ${run} "$@"; }\n`
  const { stdout, stderr } = ended([
    'python3',
    ON_TERMINAL,
    ...user,
    ...shell,
    '--',
    'prompt ',
    define,
    ...steps,
  ])
  expect(stderr).toBe('')
  return stdout.replaceAll('\r', '')
}

const STATUS = ['prompt ', 'echo status $?; exit\n']

test('Ctrl-C ends the command, and vnet with its status', () => {
  const start = 'run sh -c \'echo sta""rted; exec sleep 1000\'\n'
  expect(onTerminal(['prompt ', start, 'started', CTRL_C, ...STATUS])).toContain('status 130')
})

test('Ctrl-C ends a loop of the shell', () => {
  const start = 'for i in 1 2 3; do $RUN sh -c \'echo sta""rted; exec sleep 1000\'; done\n'
  expect(onTerminal(['prompt ', start, 'started', CTRL_C, ...STATUS])).toContain('status 130')
})

test('a command may handle Ctrl-C, and vnet ends with its status', () => {
  const start = `run sh -c 'trap "exit 7" INT; echo sta""rted; while :; do sleep 0.1; done'\n`
  expect(onTerminal(['prompt ', start, 'started', CTRL_C, ...STATUS])).toContain('status 7')
})

test('Ctrl-Z stops the job, and fg continues it', () => {
  const shown = onTerminal([
    ...[
      'prompt ',
      `run sh -c 'echo sta""rted; read line; echo got $line; exec sleep 1000'\n`,
      'started',
      CTRL_Z,
    ],
    // The shell shows the job that it continues.
    ...['Stopped', '', 'prompt ', 'fg\n', '--quiet', 'hello\n', 'got hello', CTRL_C, ...STATUS],
  ])
  expect(shown).toContain('status 130')
})

/** Waits for Ctrl-Z, then uses the network, and stops. No signal is lost, as before sh reads. */
const HANDLER = `
import os, signal, subprocess
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTSTP])
print("sta" "rted", flush=True)
signal.sigwait([signal.SIGTSTP])
status = subprocess.call(["ping", "-qc2", "-i0.2", "${SERVER_ADDRESS}"], stdout=subprocess.DEVNULL)
os.kill(os.getpid(), signal.SIGSTOP)
exit(4 + status)`

test('a command may handle Ctrl-Z, and vnet carries its packets until it stops', () => {
  const shown = onTerminal([
    ...[
      'prompt ',
      `run python3 -c '${HANDLER}'\n`,
      'started',
      CTRL_Z,
      'Stopped',
      'fg\n',
      ...STATUS,
    ],
  ])
  expect(shown).toContain('status 4')
})

test('Ctrl-Z stops vnet before the command starts, too', () => {
  const pasta =
    '#!/bin/sh\necho wait""ing > /run/waiting; read line < /run/go; exec /run/pasta "$@"'
  const before = `
    mkfifo -m 666 /run/waiting /run/go
    cp "$(which pasta)" /run/pasta
    echo '${pasta}' > /run/pasta.sh && chmod 755 /run/pasta.sh && mount --bind /run/pasta.sh "$(which pasta)"`
  const steps = [
    ...['prompt ', 'cat /run/waiting &\n', 'prompt ', 'run echo sta""rted\n', 'waiting', CTRL_Z],
    ...['Stopped', 'echo > /run/go; fg\n', 'started', '', ...STATUS],
  ]
  expect(onTerminal(steps, { before })).toContain('status 0')
})

test('the command has the size of the terminal, and is notified of its changes', () => {
  const script = 'stty size; trap "stty size; exit 3" WINCH; stty rows 41 cols 91; read line'
  const shown = onTerminal([
    'prompt ',
    `stty rows 33 cols 77; run sh -c '${script}'\n`,
    '41 91',
    '',
    ...STATUS,
  ])
  expect(shown).toMatch(/^\S*33 77\n41 91\n[\s\S]*status 3$/m)
})
