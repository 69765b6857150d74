/** Runs in a host of the lab, because Puppeteer controls Firefox by a port of localhost. */
import { parentPort, workerData } from 'node:worker_threads'
import puppeteer from 'puppeteer-core'

const { executablePath, url } = workerData
const browser = await puppeteer.launch({ browser: 'firefox', executablePath })
const page = await browser.newPage()
await page.goto(url)
const text = await page.evaluate(() => document.body.innerText)
parentPort.postMessage({ version: await browser.version(), text })
await browser.close()
