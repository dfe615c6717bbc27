// A browser without a screen: cookies by host, redirects step by step, forms as pages have them.
export class Browser {
  jar = new Map();
  async go(url, form) {
    const { host } = new URL(url);
    const cookies = [...(this.jar.get(host) ?? new Map())].map(([k, v]) => `${k}=${v}`).join("; ");
    const answer = await fetch(url, {
      redirect: "manual", method: form ? "POST" : "GET", headers: cookies ? { cookie: cookies } : {},
      body: form && new URLSearchParams(form),
    });
    const known = this.jar.get(host) ?? new Map();
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "") known.delete(name); else known.set(name, value);
    }
    this.jar.set(host, known);
    const to = answer.headers.get("location");
    return { status: answer.status, to: to && new URL(to, url).href, body: await answer.text(), url };
  }
  // follow goes on until a page, or until a place that is not of this machine.
  async follow(answer) {
    for (let i = 0; i < 12 && /^https?:\/\/(127\.0\.0\.1|localhost):/.test(answer.to ?? ""); i++) answer = await this.go(answer.to);
    return answer;
  }
}

const unescape = (s) => s.replaceAll("&amp;", "&").replaceAll("&#43;", "+").replaceAll("&#34;", '"').replaceAll("&#x2F;", "/");
export const action = (page) => new URL(unescape(/<form[^>]*action="([^"]*)"/.exec(page.body)[1]), page.url).href;
export const inputs = (page) => Object.fromEntries([...page.body.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)].map((m) => [m[1], unescape(m[2])]));
