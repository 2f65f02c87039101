// Compiled by lego-compile from the centre specification: edit that, not this file.
// Shows only the bricks that the chosen profile offers. What the others say is not read, so this is for people.
'use strict';

const prefix = 'batch_connect_session_context_';
const profile = document.getElementById(prefix + 'profile');

// The largest element around a field that holds no other field: its label and its help are in it.
function around(field) {
  let node = field;
  const alone = (each) => [...each.querySelectorAll('[name]')].every((other) => other.name === field.name);
  while (node.parentElement && node.parentElement.tagName !== 'FORM' && alone(node.parentElement)) {
    node = node.parentElement;
  }
  return node;
}

function show() {
  const chosen = prefix + 'offer__' + profile.value.replaceAll('-', '_') + '__';
  for (const field of document.querySelectorAll('[id^="' + prefix + 'offer__"]')) {
    around(field).hidden = !field.id.startsWith(chosen);
  }
}

if (profile) {
  profile.addEventListener('change', show);
  show();
}
