// Opens the page in the system's Chromium and reports what it shows. For every line on standard input the page's button is
// pressed and what it shows then is reported; the end of the input ends the browser.
import readline from 'node:readline'
import { peer } from './peers.mjs'

const { chromium } = peer('playwright-core')
const { page: url, chromium: executablePath } = JSON.parse(process.argv[2])
const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync']
const browser = await chromium.launch({ executablePath, args: quiet, chromiumSandbox: process.getuid() !== 0, timeout: 120000 })
const page = await browser.newPage()
const wrong = []
page.on('pageerror', (e) => wrong.push(String(e)))
page.on('console', (m) => m.type() === 'error' && wrong.push(m.text()))

async function report() {
    await page.waitForFunction(() => !['asking', 'not asked'].includes(document.getElementById('status').textContent))
    const text = async (id) => await page.locator(`#${id}`).textContent()
    console.log(JSON.stringify({
        status: await text('status'), etag: await text('etag'), origin: await text('origin'),
        wrong, version: browser.version(),
    }))
}

await page.goto(url)
await report()
for await (const _ of readline.createInterface({ input: process.stdin })) {
    await page.click('#check')
    await report()
}
await browser.close()
