/** A missing program skips exactly the tests whose own text or support files name it. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { testFolders, toolUse } from '../../scripts/kernel-tests.mjs'

const root = freshDirectory()

test.each([
  ['its own text', "run('arping -D')", '', '', true],
  ['a file of test/support', "import '../support/lease.ts'", "run('arping -D')", '', true],
  [
    'a script that a file of test/support starts',
    "import '../support/lease.ts'",
    "'dhcp/script.sh'",
    'arping',
    true,
  ],
  ['a file that it does not name', "import './lease.ts'", '', 'arping', false],
  ['another word', "run('xarping'); run('arping-ng')", '', '', false],
])('a file is searched for a tool in %s', (_, own, support, script, expected) => {
  const files = {
    'test/a.test.ts': own,
    'test/support/lease.ts': support,
    'test/support/dhcp/script.sh': script,
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  expect(toolUse(root)('test/a.test.ts', 'arping')).toBe(expected)
})

test('the support files of a package are searched too', () => {
  const files = {
    'test/a.test.ts': '',
    'test/support/list.ts': '',
    'packages/lan/test/a.test.ts': "import './support/lease.ts'",
    'packages/lan/test/support/lease.ts': "run('arping -D')",
    'packages/lan/src/a.ts': '',
    'packages/bare/index.mjs': '',
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  const uses = toolUse(root)
  expect([uses('packages/lan/test/a.test.ts', 'arping'), uses('test/a.test.ts', 'arping')]).toEqual(
    [true, false],
  )
  expect(testFolders(root)).toEqual(['test', 'packages/lan/test'])
})
