// Every page works without this script. With it the menu folds on a narrow
// screen, a password can be shown, and a reader is taken to the errors.
import { createAll, Button, ErrorSummary, NotificationBanner, PasswordInput, ServiceNavigation, SkipLink } from './govuk-frontend.js'

document.body.classList.add('js-enabled', 'govuk-frontend-supported')
for (const part of [Button, ErrorSummary, NotificationBanner, PasswordInput, ServiceNavigation, SkipLink]) {
  createAll(part)
}

// The trial page counts down, and shows what happened when time is up.
for (const place of document.querySelectorAll('.sg-countdown')) {
  const until = Date.parse(place.dataset.until)
  // The box's clock decides; this one may be wrong by hours.
  const ahead = Date.parse(place.dataset.now) - Date.now()
  const tick = () => {
    const left = Math.round((until - Date.now() - ahead) / 1000)
    if (left < 0) {
      location.assign('/settings/trial')
      return
    }
    place.textContent = ` (${left} ${left === 1 ? 'second' : 'seconds'} left)`
    setTimeout(tick, 1000)
  }
  tick()
}

// What the box is busy with is shown as it goes on, a restart included.
const follow = () => {
  const place = document.querySelector('[data-follow]')
  if (!place) return
  const look = async () => {
    try {
      const answer = await fetch(place.dataset.follow, { cache: 'no-store' })
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const now = page.getElementById(place.id)
      if (!now) {
        location.reload() // signed out, or another page
        return
      }
      if (!now.dataset.follow) {
        location.assign(place.dataset.follow) // it is over: the whole page, once
        return
      }
      place.replaceChildren(...now.childNodes)
    } catch {
      // The box restarts: it answers again in a while.
    }
    setTimeout(look, 2000)
  }
  setTimeout(look, 2000)
}
follow()

// A long upload shows how far it is.
const uploads = () => {
  for (const form of document.querySelectorAll('form[data-upload]')) {
    form.addEventListener('submit', event => upload(event, form))
  }
}

const upload = (event, form) => {
  event.preventDefault()
  const button = form.querySelector('button')
  const state = form.querySelector('[data-upload-state]')
  const bar = state.querySelector('progress')
  const said = state.querySelector('[data-upload-said]')
  const request = new XMLHttpRequest()
  const show = (percent, text) => {
    bar.value = percent
    if (said.textContent !== text) said.textContent = text
  }
  request.upload.onprogress = e => {
    const percent = e.lengthComputable ? Math.floor(100 * e.loaded / e.total) : 0
    show(percent, percent < 100 ? `${percent - percent % 10} %` : 'The file is being checked.')
  }
  request.onload = () => {
    if (request.status === 200) {
      location.assign(request.responseURL)
      return
    }
    const page = new DOMParser().parseFromString(request.responseText, 'text/html')
    document.title = page.title
    document.querySelector('main').replaceWith(page.querySelector('main'))
    createAll(ErrorSummary)
    uploads()
    window.scrollTo(0, 0)
  }
  request.onerror = () => {
    button.disabled = false
    show(0, 'The connection broke off. Try again.')
  }
  button.disabled = true
  state.hidden = false
  show(0, '0 %')
  request.open('POST', form.action)
  request.send(new FormData(form))
}
uploads()
