/** A driver as a file of the visitor's: downloaded as its exercise's folder, opened from either. */
import { strFromU8, strToU8, type UnzipFileInfo, unzipSync, zipSync } from 'fflate'
import { jsconfig, packageJson } from '../exercise-files.ts'
import { limitLength } from './kept-driver.ts'

/** An exercise's folder, as `vnet learn` makes it. */
export interface Folder {
  /** `01-drop`. */
  readonly name: string
  /** The file of the driver, `drop.js`. */
  readonly driver: string
  /** The URL of the exercise's page in Markdown. */
  readonly readme: string
}

/** Returns the folder that `vnet learn` makes, with this driver, as a zip file. */
export async function folderWith(text: string, { name, driver, readme }: Folder): Promise<Blob> {
  const response = await fetch(readme)
  if (!response.ok) throw new Error(`${readme}: ${response.status}`)
  const files = {
    'README.md': strToU8(await response.text()),
    [driver]: strToU8(text),
    'package.json': strToU8(packageJson()),
    'jsconfig.json': strToU8(jsconfig()),
  }
  return new Blob([zipSync({ [name]: files })], { type: 'application/zip' })
}

/** Returns the driver of a file: its text, or the driver in a zip file. Throws without one. */
export async function driverIn(file: File, driver: string): Promise<string> {
  if (!/\.zip$/i.test(file.name)) {
    limitLength(file.size)
    return file.text()
  }
  const isDriver = (name: string) => name.split('/').at(-1) === driver
  const filter = ({ name, originalSize }: UnzipFileInfo) => {
    if (!isDriver(name)) return false
    limitLength(originalSize)
    return true
  }
  const [text] = Object.values(unzipSync(new Uint8Array(await file.arrayBuffer()), { filter }))
  if (text === undefined) throw new Error(`no ${driver} in it`)
  return strFromU8(text)
}
