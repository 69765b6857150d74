/**
 * node scripts/found-diagrams.mjs: draws packages/lab/records/found/NAME.svg for each diagram of
 * found.md. Each is that of explore's page, of the first run that failed, as an SVG of its own.
 * `npm install` in examples/found comes first.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const records = join(root, 'packages/lab/records')
/** Pixels of a row, of the names of hosts, of the times, and of a host (--column of the page). */
const [ROW, HEAD, TIMES, COLUMN] = [40, 44, 84, 180]

const names = [
  ...readFileSync(join(records, 'found.md'), 'utf8').matchAll(/\(found\/(\S+)\.svg\)/g),
].map(([, name]) => name)
const directory = mkdtempSync(join(tmpdir(), 'vnet-diagrams-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
mkdirSync(join(records, 'found'), { recursive: true })
for (const name of names) {
  const page = join(directory, `${name}.html`)
  const vnet = [join(root, 'dist/vnet.js'), 'explore', join(root, `examples/found/${name}.mjs`)]
  try {
    execFileSync(process.execPath, [...vnet, '--no-captures', '--stop-at', '1', '--html', page], {
      stdio: 'ignore',
    })
  } catch (error) {
    // It says so if a fault has failed.
    if (error.status !== 1) throw error
  }
  writeFileSync(join(records, `found/${name}.svg`), pictureOf(name, readFileSync(page, 'utf8')))
  console.log(`found/${name}.svg`)
}

/** Returns the diagram of the first failure of a page. */
function pictureOf(name, page) {
  const [, style] = /<style>(.*?)<\/style>/s.exec(page)
  const [diagram, hosts] =
    /<div class="diagram run" style="--hosts: (\d+)">.*?<\/ol>\s*<\/div>/s.exec(page)
  const [width, height] = [
    Number(hosts) * COLUMN + TIMES,
    HEAD + ROW * diagram.match(/<li/g).length,
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>The packets of ${name}.mjs</title>
<style>${style}
.hidden { display: none; }
.picture { background: var(--panel); color: var(--text); font: 15px/1.5 system-ui, sans-serif; height: 100%; }
.run { margin: 0; }
</style>
<foreignObject width="${width}" height="${height}">
<div class="picture" xmlns="http://www.w3.org/1999/xhtml">
${diagram.replaceAll('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')}
</div>
</foreignObject>
</svg>
`
}
