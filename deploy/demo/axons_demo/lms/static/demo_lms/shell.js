/* The page around a unit: it gives each iframe the height that its content tells, and runs Studio's modal. */
(function () {
  "use strict";

  function frameOf(source) {
    return Array.prototype.find.call(document.querySelectorAll("iframe[data-unit-frame]"), function (frame) {
      return frame.contentWindow === source;
    });
  }

  var dialog = document.querySelector("dialog[data-editor]");

  window.addEventListener("message", function (event) {
    if (event.origin !== window.location.origin || !event.data) return;
    var frame = frameOf(event.source);
    if (event.data.type === "plugin.resize" && frame && !frame.hasAttribute("data-fixed")) {
      frame.style.height = Math.max(240, event.data.payload.height) + "px";
    }
    if (event.data.type === "xblock-event" && dialog) {
      var saved = event.data.name === "save" && event.data.data.state === "end";
      if (saved || event.data.name === "cancel") dialog.close();
      if (saved) window.location.reload();
    }
  });

  document.addEventListener("click", function (event) {
    var opener = event.target.closest("[data-edit]");
    if (opener && dialog) {
      dialog.querySelector("iframe").src = opener.dataset.edit;
      dialog.querySelector("[data-title]").textContent = opener.dataset.name;
      dialog.showModal();
    }
    if (event.target.closest("[data-close]") && dialog) dialog.close();
    document.querySelectorAll("details.menu[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    });
  });
})();
