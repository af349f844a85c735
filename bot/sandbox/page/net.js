// Talking to the sandbox: verbs by POST, changes by WebSocket.

import { toast } from "./dom.js";

export async function act(verb, body, { quiet = false } = {}) {
  let data;
  try {
    const answer = await fetch(`/_page/${verb}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    data = await answer.json();
    if (!answer.ok) throw new Error(data.error || `error ${answer.status}`);
  } catch (error) {
    if (!quiet) toast(error.message || "The sandbox does not answer");
    return null;
  }
  return data;
}

export function live(who, onEvent, onState) {
  let socket;
  let wait = 300;
  let current = who;
  const connect = () => {
    const address = `${location.origin.replace(/^http/, "ws")}/_live?as=${encodeURIComponent(current)}`;
    socket = new WebSocket(address);
    socket.onopen = () => { wait = 300; onState(true); };
    socket.onmessage = (frame) => onEvent(JSON.parse(frame.data));
    socket.onclose = () => {
      onState(false);
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 5000);
    };
  };
  connect();
  return {
    become(next) {
      current = next;
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ as: next }));
    },
  };
}

export function readFile(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({ filename: file.name, base64: String(reader.result).split(",")[1] || "" });
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
