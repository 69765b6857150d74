/** explore tries every fault of a protocol; `npm run test:explore` has more of them. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { explore } from '../../../src/index.ts'
import { unknownDifferences } from '../../explore/both-worlds.ts'
import { writeCertificate } from '../../explore/certificate.ts'

test('every fault of every packet of a DNS query is tried, and the resolver survives each', async () => {
  const report = await explore(new URL('../../explore/protocols/dns-cares.mjs', import.meta.url))
  expect([report.cleanErrors, report.failures, report.unstable]).toEqual([[], [], []])
  expect([report.packets.length, report.points.length, report.count('skipped')]).toEqual([2, 8, 0])
})

test('every fault of every packet of TLS has the same verdict in both worlds', async () => {
  const directory = testDirectory()
  for (const file of ['net.mjs', 'tls.mjs']) {
    cpSync(new URL(`../../explore/protocols/${file}`, import.meta.url), join(directory, file))
  }
  writeCertificate(directory)
  const module = pathToFileURL(join(directory, 'tls.mjs'))
  const [memory, kernel] = [await explore(module, { world: 'memory' }), await explore(module, { world: 'kernel' })]
  for (const report of [memory, kernel]) expect([report.cleanErrors, report.failures]).toEqual([[], []])
  expect([memory.points.length > 50, memory.count('slower'), memory.count('missed')]).toEqual([true, 4, 0])
  expect(unknownDifferences(memory, kernel)).toEqual([])
})
