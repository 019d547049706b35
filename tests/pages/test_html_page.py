from bloodcells.pages.html_page import html_page


def test_a_page_is_whole_and_its_title_is_text():
    page = html_page("cells <b> & co", "<h1>cells</h1>", "h1 { color: red }")
    assert page.startswith("<!doctype html>")
    assert "<title>cells &lt;b&gt; &amp; co</title>" in page
    assert "<main>\n<h1>cells</h1>\n</main>" in page


def test_the_own_style_comes_after_the_shared_one():
    page = html_page("cells", "", "h1 { color: red }")
    assert page.index("--ink") < page.index("h1 { color: red }") < page.index("</style>")


def test_it_refers_to_nothing_beside_it():
    assert "http" not in html_page("cells", "", "")
    assert "src=" not in html_page("cells", "", "")
