/** The image of the Dockerfile contains what the commands of vnet open and start. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BUILT_FILES } from '../../scripts/setup/prebuilds.mjs'

const file = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
const image = file.split(/^FROM /m).at(-1) as string

/** Whether the last stage copies this file of the build. */
function hasFile(path: string): boolean {
  const copied = [...image.matchAll(/^COPY --from=build (.*) \S+$/gm)].flatMap(([, from]) =>
    (from as string).split(' '),
  )
  const patterns = copied.map(from => from.replaceAll('.', '\\.').replaceAll('*', '[^/]*'))
  return patterns.some(pattern => new RegExp(`^${pattern}(/|$)`).test(`/vnet/${path}`))
}

test('the image contains the addon, the launchers and the CNI plugin', () => {
  expect(BUILT_FILES.filter(name => !hasFile(`build/Release/${name}`))).toEqual([])
})

test('the image contains the program and the course, which completion reads', () => {
  for (const path of [
    'package.json',
    'dist',
    'packages/lan/dist',
    'packages/learn/course',
    'deploy',
  ]) {
    expect(hasFile(path)).toBe(true)
  }
})

test('each base image is an argument, so that a build can pin it by digest', () => {
  const bases = [...file.matchAll(/^FROM (?:\$\{(\w+)\})?/gm)].map(([, base]) => base)
  expect(bases).toEqual(['NODE_IMAGE', 'NODE_IMAGE', 'NODE_SLIM_IMAGE'])
  for (const name of ['NODE_IMAGE', 'NODE_SLIM_IMAGE']) {
    expect(file).toMatch(new RegExp(`^ARG ${name}=node:`, 'm'))
  }
})

test('the image has the labels of OCI, and no sources and tests of packages', () => {
  const labels = [...image.matchAll(/org\.opencontainers\.image\.(\w+)=/g)].map(([, name]) => name)
  expect(labels).toEqual(['title', 'description', 'licenses', 'version', 'revision'])
  expect(file).toContain('rm -rf packages/*/src packages/*/test')
})
