/** Which packages the repository has, and what their published package.json leaves out. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  manifestOf,
  PACKAGES,
  publishedManifest,
  withDependencies,
} from '../../scripts/packages.mjs'

test('every folder of packages is a package, and each comes after its dependencies', () => {
  expect([...PACKAGES].sort()).toEqual(
    ['.', ...readdirSync('packages').map(name => `packages/${name}`)].sort(),
  )
  const names = PACKAGES.map(folder => manifestOf(folder).name)
  for (const folder of PACKAGES) {
    const own = Object.keys(manifestOf(folder).dependencies ?? {}).filter(name =>
      names.includes(name),
    )
    for (const name of own) {
      expect(names.indexOf(name), `${name} of ${folder}`).toBeLessThan(PACKAGES.indexOf(folder))
    }
  }
})

test('the dependencies of a package in this repository come before it', () => {
  expect(withDependencies(['packages/lab']).at(-1)).toBe('packages/lab')
  expect(withDependencies(['packages/lab'])).toEqual(
    expect.arrayContaining(['.', 'packages/inet', 'packages/lan']),
  )
  expect(withDependencies(['packages/lab'])).not.toContain('packages/web')
})

test('a published package.json lacks what only this repository uses, and keeps everything else', () => {
  const manifest = {
    name: 'vnet',
    workspaces: ['.'],
    scripts: { prepack: 'x' },
    exports: {
      '.': { source: './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
      './package.json': './package.json',
    },
    dependencies: { yaml: '2' },
    devDependencies: { vitest: '4' },
  }
  const { name, dependencies } = manifest
  const exports = {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  }
  expect(JSON.parse(publishedManifest(JSON.stringify(manifest), undefined, '.'))).toEqual({
    name,
    exports,
    dependencies,
  })
  const publisher = {
    repository: 'git+https://git.example/vnet.git',
    homepage: 'h',
    bugs: 'b',
    author: 'A',
  }
  const published = JSON.parse(
    publishedManifest(JSON.stringify(manifest), publisher, 'packages/lab'),
  )
  const repository = { type: 'git', url: publisher.repository, directory: 'packages/lab' }
  expect(published).toEqual({ name, exports, dependencies, ...publisher, repository })
})
