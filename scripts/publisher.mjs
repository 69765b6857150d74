/**
 * The fields of package.json that say where a package comes from, for all packages from
 * publisher.json. Its values are the owner's to decide: `repository` is the URL of the git
 * repository, `homepage` and `bugs` are URLs, and `author` is a name.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const FIELDS = ['repository', 'homepage', 'bugs', 'author']

export const readPublisher = () =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'publisher.json'), 'utf8'))

/** Returns the names of the fields that have no value yet. */
export const missing = publisher => FIELDS.filter(field => typeof publisher[field] !== 'string')

/** Returns the text of a package.json with the fields; `path` is its folder in the repository. */
export function withPublisher(text, { repository, homepage, bugs, author }, path) {
  const directory = path === '.' ? {} : { directory: path }
  const fields = {
    repository: { type: 'git', url: repository, ...directory },
    homepage,
    bugs,
    author,
  }
  return `${JSON.stringify({ ...JSON.parse(text), ...fields }, null, 2)}\n`
}
