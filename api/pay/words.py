"""What the pages say, in the languages that there are; the customer's own where it is one of them, else English."""

from collections.abc import Mapping
from typing import Final

LANGUAGE: Final = "en"
ENGLISH: Final[Mapping[str, str]] = {
    "title": "Your invoice",
    "invoice": "Invoice {number}",
    "from": "from {merchant}",
    "due": "Amount due",
    "total": "Amount",
    "pay_heading": "Pay now",
    "choose": "Payment method",
    "until": "good until {month}",
    "expired": "expired",
    "pay": "Pay {amount} now",
    "give_heading": "Use another payment method",
    "give_explained": "You give it on the page of our payment partner. It is charged at once, and used for later invoices too.",
    "give_only": "You give it on the page of our payment partner. It is used for this invoice and for later ones.",
    "give_card": "Use another card",
    "give_wallet": "Use {name}",
    "once": "This link can be used once, until {day}.",
    "paid": "This invoice is paid. Thank you.",
    "closed": "Nothing is to be paid on this invoice any more.",
    "under_way": "Your payment is being made. This page renews itself; you can also close it.",
    "confirm": "Your bank asks you to confirm the payment.",
    "confirm_link": "Confirm with your bank",
    "confirm_again": "If you have done it already, this page shows the result in a moment.",
    "declined": "The payment did not go through. Your bank or payment service did not approve it.",
    "again": "Try again, or use another payment method",
    "kept": "Your payment method is kept. If anything is still due we collect it as soon as we may, and tell you how it went.",
    "nothing_given": "No payment method was given. You can try it again.",
    "gone_title": "This link cannot be used any more",
    "used": "This link was used already. If something is still due, we send you a new one.",
    "lapsed": "This link has lapsed. Please ask for a new one.",
    "unknown_title": "There is no such page",
    "unknown": "Please open the link exactly as it was sent to you.",
    "refused_title": "That was not possible just now",
    "refused": "Nothing was changed. This is how it stands now.",
    "foreign_title": "That came from another page",
    "foreign": "Nothing was changed. Please open the link that was sent to you.",
    "away_title": "That is not possible for the moment",
    "away": "Nothing happened, and your link stays good. Please try it again in a few minutes.",
    "busy_title": "Too many requests",
    "busy": "Please wait a minute, then try it again.",
    "returned_title": "Thank you",
    "returned": "You may close this window.",
    "back": "Back to the invoice",
}
GERMAN: Final[Mapping[str, str]] = {
    "title": "Ihre Rechnung",
    "invoice": "Rechnung {number}",
    "from": "von {merchant}",
    "due": "Offener Betrag",
    "total": "Betrag",
    "pay_heading": "Jetzt zahlen",
    "choose": "Zahlungsart",
    "until": "gültig bis {month}",
    "expired": "abgelaufen",
    "pay": "{amount} jetzt zahlen",
    "give_heading": "Eine andere Zahlungsart verwenden",
    "give_explained": "Sie geben sie auf der Seite unseres Zahlungspartners an. Sie wird sofort belastet und auch für spätere"
    " Rechnungen verwendet.",
    "give_only": "Sie geben sie auf der Seite unseres Zahlungspartners an. Sie wird für diese und für spätere Rechnungen"
    " verwendet.",
    "give_card": "Andere Karte verwenden",
    "give_wallet": "{name} verwenden",
    "once": "Dieser Link kann einmal verwendet werden, bis {day}.",
    "paid": "Diese Rechnung ist bezahlt. Vielen Dank.",
    "closed": "Auf diese Rechnung ist nichts mehr zu zahlen.",
    "under_way": "Ihre Zahlung wird ausgeführt. Diese Seite erneuert sich selbst; Sie können sie auch schließen.",
    "confirm": "Ihre Bank bittet Sie, die Zahlung zu bestätigen.",
    "confirm_link": "Bei Ihrer Bank bestätigen",
    "confirm_again": "Wenn Sie das schon getan haben, zeigt diese Seite gleich das Ergebnis.",
    "declined": "Die Zahlung hat nicht geklappt. Ihre Bank oder Ihr Zahlungsdienst hat sie nicht genehmigt.",
    "again": "Noch einmal versuchen oder eine andere Zahlungsart verwenden",
    "kept": "Ihre Zahlungsart ist gespeichert. Ist noch etwas offen, ziehen wir es ein, sobald wir es dürfen, und sagen Ihnen,"
    " wie es ausging.",
    "nothing_given": "Es wurde keine Zahlungsart angegeben. Sie können es noch einmal versuchen.",
    "gone_title": "Dieser Link kann nicht mehr verwendet werden",
    "used": "Dieser Link wurde schon verwendet. Ist noch etwas offen, senden wir Ihnen einen neuen.",
    "lapsed": "Dieser Link ist abgelaufen. Bitte lassen Sie sich einen neuen senden.",
    "unknown_title": "Diese Seite gibt es nicht",
    "unknown": "Bitte öffnen Sie den Link genau so, wie er Ihnen gesendet wurde.",
    "refused_title": "Das war gerade nicht möglich",
    "refused": "Es wurde nichts geändert. So steht es jetzt.",
    "foreign_title": "Das kam von einer anderen Seite",
    "foreign": "Es wurde nichts geändert. Bitte öffnen Sie den Link, der Ihnen gesendet wurde.",
    "away_title": "Das ist im Augenblick nicht möglich",
    "away": "Es ist nichts geschehen, und Ihr Link bleibt gültig. Bitte versuchen Sie es in ein paar Minuten noch einmal.",
    "busy_title": "Zu viele Anfragen",
    "busy": "Bitte warten Sie eine Minute und versuchen Sie es dann noch einmal.",
    "returned_title": "Vielen Dank",
    "returned": "Sie können dieses Fenster schließen.",
    "back": "Zurück zur Rechnung",
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {"en": ENGLISH, "de": GERMAN}


def language_of(locale: str) -> str:
    """Return the language of the pages for a customer's locale, such as `de-AT`."""
    language = locale.partition("-")[0].lower()
    return language if language in WORDS else LANGUAGE


def language_asked_for(accepted: str) -> str:
    """Return the first of a browser's languages that there is, for a page that is about nobody."""
    wanted = (part.partition(";")[0].strip() for part in accepted[:200].split(","))
    return next((tag for tag in (part.partition("-")[0].lower() for part in wanted) if tag in WORDS), LANGUAGE)
