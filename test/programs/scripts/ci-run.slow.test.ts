import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

/**
 * An npm that writes its arguments to `calls`, and fails if they are those of the file `failing`.
 * With `hanging` there, the build of the site does not end, and the next call waits for its start.
 */
const NPM = `#!/usr/bin/env bash
echo "$*" >>calls
echo "output of npm $*"
if [ -e hanging ]; then
  if [ "$*" = 'run docs' ]; then
    echo $$ >site.pid
    echo >started
    exec sleep 600
  elif [ "$*" = 'run test:rest' ]; then
    read -r <started
  fi
fi
[ "$*" != "$(cat failing)" ]
`

/** Runs .ci/run in a tree with that npm alone. */
function runCi({ failing = '', isHanging = false } = {}) {
  const tree = testDirectory()
  mkdirSync(join(tree, '.ci'))
  mkdirSync(join(tree, 'bin'))
  cpSync(join(ROOT, '.ci/run'), join(tree, '.ci/run'))
  writeFileSync(join(tree, 'bin/npm'), NPM)
  chmodSync(join(tree, 'bin/npm'), 0o755)
  writeFileSync(join(tree, 'failing'), failing)
  if (isHanging) {
    writeFileSync(join(tree, 'hanging'), '')
    spawnSync('mkfifo', [join(tree, 'started')])
  }
  const { status, stdout, stderr } = spawnSync(join(tree, '.ci/run'), {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(tree, 'bin')}:${process.env.PATH}` },
  })
  const calls = readFileSync(join(tree, 'calls'), 'utf8').trim().split('\n')
  return { tree, status, stdout, stderr, calls }
}

test('if all parts succeed, so does .ci/run', () => {
  const { status, stderr, calls } = runCi()
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(calls[0]).toBe('test')
  expect(calls.slice(1).sort()).toEqual(['run docs', 'run test:rest'])
})

test.each(['test', 'run test:rest', 'run docs'])(
  'if `npm %s` fails, so does .ci/run, in one line',
  failing => {
    const { status, stdout, stderr } = runCi({ failing })
    expect(status).toBe(1)
    expect(stderr).toMatch(new RegExp(`^npm ${failing}: failed`))
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stdout).toContain(`output of npm ${failing}\n`)
  },
)

test('when a part fails, the build of the site ends', () => {
  const { tree, status } = runCi({ failing: 'run test:rest', isHanging: true })
  expect(status).toBe(1)
  const pid = readFileSync(join(tree, 'site.pid'), 'utf8').trim()
  expect(existsSync(`/proc/${pid}`)).toBe(false)
})
