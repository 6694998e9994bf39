// Builds what the admin pages send to a browser, from govuk-frontend:
//
//   dist/stairgate.css      compiled from stairgate.scss
//   dist/govuk-frontend.js  govuk-frontend's own script, as it is
//   dist/stairgate.js       the few lines that start it
//
// Run by `npm run build`. It reads node_modules only; it fetches nothing.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from 'sass'

const here = dirname(fileURLToPath(import.meta.url))
const modules = join(here, '../../../node_modules')
const govuk = join(modules, 'govuk-frontend')
const dist = join(here, 'dist')
mkdirSync(dist, { recursive: true })

const { version } = JSON.parse(readFileSync(join(govuk, 'package.json'), 'utf8'))
const notice = `/*! With parts of govuk-frontend ${version}, MIT licence, Copyright (c) Crown copyright (Government Digital Service) */\n`

const { css } = compile(join(here, 'stairgate.scss'), {
  loadPaths: [modules],
  style: 'compressed',
  // No byte order mark: behind the notice it would spoil the first rule.
  charset: false,
  quietDeps: true
})
// A style sheet that asks for anything else would be a request the pages'
// content security policy refuses: find it here, not in a browser.
const foreign = css.match(/url\((?!["']?data:)[^)]*\)|@import|@font-face|GDS Transport/g)
if (foreign) {
  throw new Error(`the style sheet asks for more than itself: ${foreign.join(', ')}`)
}
writeFileSync(join(dist, 'stairgate.css'), notice + css)

const script = readFileSync(join(govuk, 'dist/govuk/govuk-frontend.min.js'), 'utf8')
writeFileSync(join(dist, 'govuk-frontend.js'), notice + script.replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n'))
copyFileSync(join(here, 'stairgate.js'), join(dist, 'stairgate.js'))

console.log(`built ${dist}: stairgate.css (${Math.round(css.length / 1024)} KB), govuk-frontend.js, stairgate.js`)
