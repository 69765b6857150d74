/** Ten packages that run on hosts unmodified; `npm run test:packages` tests all. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { explore } from '../../src/index.ts'
import { FOUND } from '../support/found.ts'
import { testPackages } from '../support/package-cases.ts'

const TEN = [
  'axios',
  'express',
  'got',
  'ioredis',
  'koa',
  'mqtt',
  'nodemailer',
  'socket.io',
  'undici',
  'ws',
]

const directory = testPackages(TEN, '--omit=dev')

test.each(['mqtt', 'axios'])('the defect that explore has found in %s fails always', async name => {
  for (const file of [`${name}.mjs`, 'network.mjs']) {
    cpSync(join(FOUND, file), join(directory, file))
  }
  const report = await explore(pathToFileURL(join(directory, `${name}.mjs`)), {
    captures: false,
    stopAt: 1,
  })
  expect([report.cleanErrors, report.failures.map(({ failed, runs }) => [failed, runs])]).toEqual([
    [],
    [[4, 4]],
  ])
})
