/** Set-up under sudo, which needs root to test. */

import { chownSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SetupTree } from '#support/setup-tree.ts'

const nobody = 65534

const everythingIn = (root: string) => [
  root,
  ...readdirSync(root, { recursive: true, encoding: 'utf8' }).map(path => join(root, path)),
]

const owners = (root: string) => new Set(everythingIn(root).map(path => lstatSync(path).uid))

test('set-up under sudo gives its files to the user who owns the tree', async () => {
  using tree = new SetupTree()
  for (const path of everythingIn(tree.root)) {
    chownSync(path, nobody, nobody)
  }
  const env = { SUDO_UID: `${nobody}`, SUDO_GID: `${nobody}` }
  expect(await tree.setUp({ env })).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(tree.calls()).toEqual([
    'npm',
    'node-gyp',
    'tsc',
    'rolldown',
    'rolldown',
    'rolldown',
    'tsc',
  ])
  expect(owners(tree.root)).toEqual(new Set([nobody]))
})

test("set-up by a root that is not sudo's gives its files to the owner of the tree, too", async () => {
  using tree = new SetupTree()
  for (const path of everythingIn(tree.root)) {
    chownSync(path, nobody, nobody)
  }
  expect(await tree.setUp()).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(owners(tree.root)).toEqual(new Set([nobody]))
})

test('without an account of the owner, set-up makes files as root', async () => {
  using tree = new SetupTree()
  for (const path of everythingIn(tree.root)) {
    chownSync(path, 12_345, 12_345)
  }
  expect((await tree.setUp()).code).toBe(0)
  expect(owners(tree.root)).toEqual(new Set([0, 12_345]))
})

test("set-up under sudo in root's own tree makes root's files", async () => {
  using tree = new SetupTree()
  const env = { SUDO_UID: `${nobody}`, SUDO_GID: `${nobody}` }
  expect(await tree.setUp({ env })).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(owners(tree.root)).toEqual(new Set([0]))
})
