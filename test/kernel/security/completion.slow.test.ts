// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are a shell's
/**
 * Tab completion in real shells on a terminal, with interface names that the root of a container
 * chose: no name is executed, and the name itself is inserted.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { either } from '#support/scale.ts'

const ON_TERMINAL = fileURLToPath(new URL('../../support/on-terminal.py', import.meta.url))
const PROMPT = 'vnet-test> '

/**
 * In latin1: bytes. The kernel allows all but '/', ':' and white space (dev_valid_name), 15 at
 * most.
 */
const NAMES = [
  '$(touch${IFS}p)',
  '`touch${IFS}p`',
  'a;touch${IFS}p;',
  "a'$(touch${IFS}p",
  'a"$(touch${IFS}p',
  '${p=$(>p)}x',
  '<(touch${IFS}p)',
  'a|b&c>p<d',
  'a*?[a-z]{x,y}',
  '~root',
  'a!!!x#b\\c^d',
  '=ls',
  'größe→0',
  '\x1b]0;p\x07\x1b[2J',
  '\x01\x7f',
  'ef\xff\xfe\x9b2J',
  '-rf',
].map(name =>
  Buffer.from(name, /[\u0100-\uffff]|ö/.test(name) ? 'utf8' : 'latin1').toString('latin1'),
)

const directory = freshDirectory()
const work = freshDirectory()
const asked = join(directory, 'asked')
const names = join(directory, 'names')

beforeEach(() => {
  writeFileSync(
    join(directory, 'vnet'),
    `#!/bin/sh
if [ "$*" = 'list --names' ]; then cat ${names}; else printf '%s\\0' "$@" > ${asked}; fi
`,
  )
  chmodSync(join(directory, 'vnet'), 0o755)
})

const noZsh = spawnSync('zsh', ['--version']).error !== undefined

/**
 * Types `text` in an interactive shell with completion of vnet, in an empty directory. Returns the
 * output of its terminal.
 */
async function type(
  shell: 'bash' | 'zsh',
  text: string,
  there: readonly string[],
): Promise<string> {
  writeFileSync(names, Buffer.from(there.map(name => `${name}\n`).join(''), 'latin1'))
  const { stdout: script } = await runMain('completion', shell)
  const rc = join(directory, shell === 'zsh' ? '.zshrc' : 'bashrc')
  const set = shell === 'zsh' ? 'autoload -Uz compinit; compinit -u -D\n' : ''
  writeFileSync(rc, `${set}${script}\nPATH=${directory}:$PATH PS1='${PROMPT}' PS2=''\n`)
  const command = shell === 'zsh' ? ['zsh', '-d', '-i'] : ['bash', '--rcfile', rc, '-i']
  const env = {
    ...process.env,
    ZDOTDIR: directory,
    HISTFILE: '/dev/null',
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
  }
  const { status, stdout, stderr } = spawnSync(
    'python3',
    [ON_TERMINAL, ...command, '--', PROMPT, text],
    {
      cwd: work,
      env,
      timeout: 60_000,
    },
  )
  expect([status, String(stderr)]).toEqual([0, ''])
  return stdout.toString('latin1')
}

describe.each(['bash', 'zsh'] as const)('%s', shell => {
  const unless = test.skipIf(shell === 'zsh' && noZsh)

  // In a short run: a command, wildcards and an option.
  unless.each(
    either(
      NAMES,
      NAMES.filter((_, i) => i % 8 === 0),
    ),
  )('inserts %j as one word, and runs nothing of it', async name => {
    const shown = await type(shell, 'vnet show \t\rexit\r', [name])
    expect(readdirSync(work)).toEqual([])
    expect(existsSync(asked), shown).toBe(true)
    expect(readFileSync(asked, 'latin1')).toBe(`show\0${name}\0`)
  })

  unless(
    'the name of a driver file completes without a run of vnet, and none of it is executed',
    async () => {
      const name = 'a$(touch${IFS}p).js'
      writeFileSync(join(work, name), '')
      await type(shell, 'vnet ./a\t\x15exit\r', [])
      expect([existsSync(asked), readdirSync(work)]).toEqual([false, [name]])
      await type(shell, 'vnet ./a\t --\t\x15exit\r', [])
      expect(readdirSync(work)).toEqual([name])
      expect(readFileSync(asked, 'latin1')).toMatch(/^help\0\.\/a.*\.js\0--names\0$/)
    },
  )

  unless('lists all of them, and runs none', async () => {
    const shown = await type(shell, 'vnet show \t\t\x15exit\r', NAMES)
    expect(readdirSync(work)).toEqual([])
    expect(shown).toContain('touch')
    expect(shown).not.toContain('\x1b]0;p')
  })
})
