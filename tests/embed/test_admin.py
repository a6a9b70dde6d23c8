"""The snippet maker in the admin, in a browser: what is chosen is shown at once, and can be copied."""

from playwright.sync_api import Browser, expect

from tests.browser.embedder import Embedder
from tests.browser.product import Product
from tests.embed.website import expect_that

PASSWORD = "a long enough password"


def test_the_lines_are_made_shown_and_copied(browser: Browser, product: Product, clinic: Embedder) -> None:
    product.manage(
        "shell",
        "--no-imports",
        "-c",
        f"from django.contrib.auth.models import User; User.objects.create_superuser('maker', password={PASSWORD!r})",
    )
    context = browser.new_context(viewport={"width": 1280, "height": 1400}, locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda said: complaints.append(f"{said.text} {said.location['url']}") if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{product.url}/admin/booking/practice/")
    page.locator("[name=username]").fill("maker")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").click()
    page.locator('#result_list tr:has(td:text-is("norrmalm")) th a').click()
    page.get_by_role("link", name="On the clinic’s website").click()

    frame = page.frame_locator(".embed-preview iframe")
    expect(frame.locator("a[data-service]").first).to_be_visible()
    page.locator("[name=service]").select_option("1")
    expect(page.locator("#snippet")).to_contain_text('data-service="1"')
    expect(frame.locator("a[data-clinic]").first).to_be_visible()
    page.locator("[name=language]").select_option("sv")
    page.locator("[name=mode]").select_option("button")
    expect(page.locator("#snippet")).to_contain_text('data-mode="button"')
    page.locator(".embed-preview a", has_text="Boka tid").click()
    dialog = page.get_by_role("dialog", name="Boka tid")
    expect(dialog).to_be_visible()
    expect(dialog.locator("iframe").content_frame.locator("a[data-clinic]").first).to_be_visible()
    dialog.get_by_role("button").click()
    expect(dialog).to_be_hidden()

    page.locator('[data-copy="snippet"]').click()
    expect(page.locator('[data-copy="snippet"]')).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#snippet").text_content()
    assert len(copied.splitlines()) == 2
    assert [said for said in complaints if not said.endswith("/favicon.ico")] == []

    page.goto(clinic.write("/pasted", copied))
    page.locator("anteroom-booking a").click()
    expect(page.frame_locator("dialog iframe").locator("a[data-clinic]").first).to_be_visible()
    expect_that(page, lambda: len(page.frames) == 2)
    context.close()
