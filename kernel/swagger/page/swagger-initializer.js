// The document is this server's own, whatever the address of the page says: a link must not make it show somebody else's.
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "../swagger.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: "none",
  });
};
